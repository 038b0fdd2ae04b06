"""Whatever goes wrong below /api/v1/ is a problem document."""

import logging

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import InterfaceError, OperationalError

from clinic.models import Patient
from tests.api_client import API, assert_problem, client, stored
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    LesionFactory,
    doctor,
    jpeg_bytes,
)

pytestmark = pytest.mark.django_db
DEEP = '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"
PATIENT = {"medical_record_number": "1", "family_name": "Zulu-Yankee"}


@pytest.fixture
def api():
    return client(doctor(HospitalFactory()))


@pytest.mark.parametrize(
    "path", ["nothing/", "patients/x/y/", "patients/a.b/c/", "?", "patients//"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_address(path: str, method: str) -> None:
    assert_problem(getattr(client(), method)(f"{API}/{path}"), 404, "not_found")


def test_an_address_without_its_slash_is_sent_on(api) -> None:
    response = api.get(f"{API}/patients?search=a")
    assert (response.status_code, response["Location"]) == (301, f"{API}/patients/?search=a")
    assert_problem(api.get(f"{API}/nothing"), 404, "not_found")
    # a form sent on would lose its body
    assert_problem(api.post(f"{API}/patients", {}), 404, "not_found")


@pytest.mark.parametrize("pk", ["abc", "0", "a.b", "00000000-0000-0000-0000-000000000000"])
@pytest.mark.parametrize("noun", ["patients", "lesions", "images", "diagnoses", "models"])
def test_an_unknown_or_malformed_identifier(api, noun: str, pk: str) -> None:
    assert_problem(api.get(f"{API}/{noun}/{pk}/"), 404, "not_found")


@pytest.mark.parametrize("body", ["{", "", "[1,", '{"a": NaN}', "\xff"])
def test_malformed_json(api, body: str) -> None:
    response = api.post(f"{API}/patients/", body.encode("latin-1"), content_type="application/json")
    code = "parse_error" if body else "invalid"
    assert_problem(response, 400, code, *([] if body else ["medical_record_number"]))


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "null", DEEP], ids=range(5))
@pytest.mark.parametrize("path", ["patients", "lesions", "diagnoses", "tokens"])
def test_json_that_is_no_object(api, path: str, body: str) -> None:
    response = api.post(f"{API}/{path}/", body, content_type="application/json")
    assert_problem(response, 400, "parse_error")


def test_a_malformed_form(api) -> None:
    response = api.post(f"{API}/images/", b"nonsense", content_type="multipart/form-data")
    assert_problem(response, 400, "parse_error")


def test_a_form_of_too_many_fields(api, settings) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
    fields = {f"field{number}": "x" for number in range(5)}
    response = api.post(f"{API}/images/", fields, format="multipart")
    assert_problem(response, 400, "parse_error")


def test_fields_that_are_too_large(api, settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    fields = {"lesion": "x" * 2000}
    response = api.post(f"{API}/images/", fields, format="multipart")
    assert_problem(response, 413, "body_too_large")


def test_a_body_that_is_too_large(api, settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    response = api.post(f"{API}/patients/", {"given_name": "x" * 2000})
    assert_problem(response, 413, "body_too_large")


def test_a_method_that_is_not_there(api) -> None:
    for method in (api.put, api.delete, api.options):
        response = method(f"{API}/patients/")
        assert_problem(response, 405, "method_not_allowed")
        assert response["Allow"] == "GET, POST, HEAD"


def test_an_answer_that_nobody_gives(api) -> None:
    response = api.get(f"{API}/patients/", HTTP_ACCEPT="text/html")
    assert_problem(response, 406, "not_acceptable")


def test_a_body_that_nobody_reads(api) -> None:
    response = api.post(f"{API}/patients/", "a=b", content_type="application/x-www-form-urlencoded")
    assert_problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_the_database_is_down(api, monkeypatch, error: type[Exception]) -> None:
    def find(_secret: str) -> None:
        raise error("connection to server at 10.0.0.1 failed")

    monkeypatch.setattr("clinic.api.authentication.find_token", find)
    response = api.get(f"{API}/patients/")
    body = assert_problem(response, 503, "unavailable")
    assert response["Retry-After"] == "5"
    assert "10.0.0.1" not in body["detail"]


def test_an_error_of_ours_is_logged_without_what_it_says(api, monkeypatch, caplog) -> None:
    def create(**fields: object) -> None:
        raise RuntimeError(fields["family_name"])

    monkeypatch.setattr("clinic.api.patients.create_patient", create)
    api.raise_request_exception = False
    with caplog.at_level(logging.ERROR, "config.api"):
        response = api.post(f"{API}/patients/", PATIENT)
    assert_problem(response, 500, "internal_error")
    assert "RuntimeError" in caplog.text
    assert PATIENT["family_name"] not in caplog.text
    assert not Patient.objects.exists()


def test_no_answer_is_kept_by_a_cache(api) -> None:
    for address in ("me/", "patients/", "patients/abc/"):
        assert api.get(f"{API}/{address}")["Cache-Control"] == "private, no-store"


FAR = "2099-01-01"
# all but "username" and "files" are wrong by themselves
WRONG_BY_THEMSELVES: list[tuple[str, dict]] = [
    (
        "patients/",
        {"birthdate": "1", "medical_record_number": "a\u200bb", "birth_date": FAR, "sex": "f"}
        | {"given_name": "a\nb", "hospital": "x"},
    ),
    (
        "lesions/",
        {"patient": "x", "anatom_site": "arm", "first_noticed": FAR, "diameter_mm": -3}
        | {"site": "arm", "body_map": {"view": "front", "x": 2}},
    ),
    (
        "images/",
        {"lesion": "x", "image_type": "x-ray", "captured_at": "2099-01-01T00:00Z"}
        | {"diameter_mm": "-3", "file": "none"},
    ),
    ("diagnoses/", {"image": "x", "model": "x", "priority": "urgent"}),
    ("batches/", {"lesion": "x", "patient": "x", "image_type": "x-ray", "name": "a"}),
    (
        "diagnoses/{request}/review/",
        {"conclusion": "cat", "management": "pray", "notes": "x" * 5001, "amends": "x"}
        | {"recall_on": "2020-01-01"},
    ),
    (
        "lesions/{lesion}/histopathology/",
        {"diagnosis": "cat", "date": FAR, "confirmed_by": "x" * 201, "notes": "x" * 5001},
    ),
    ("tokens/", {"username": "a", "days": 0, "scopes": ["root"], "password": ""}),
]


@pytest.mark.parametrize(("path", "fields"), WRONG_BY_THEMSELVES)
def test_every_field_that_is_wrong_by_itself_is_named_at_once(
    api, media, path: str, fields: dict
) -> None:
    hospital = api.get(f"{API}/hospitals/").json()["results"][0]["id"]
    lesion = LesionFactory(patient__hospital_id=hospital)
    request = DiagnosisRequestFactory(image__lesion=lesion, succeeded=True)
    before = stored(media)
    address = f"{API}/{path.format(lesion=lesion.pk, request=request.pk)}"
    if path == "batches/":
        fields = fields | {"files": SimpleUploadedFile("a.jpg", jpeg_bytes())}
    form = {"format": "multipart"} if path in ("images/", "batches/") else {}
    response = api.post(address, fields, **form)
    assert_problem(response, 400, "invalid", *(set(fields) - {"username", "files"}))
    assert stored(media) == before


def test_several_identifiers_of_nothing_are_named_at_once(api) -> None:
    response = api.post(f"{API}/diagnoses/", {"image": "x", "model": "y"})
    body = assert_problem(response, 404, "not_found", "image", "model")
    assert body["detail"] == "There is no such record."
    listed = api.get(f"{API}/images/?patient=x&lesion=y")
    assert_problem(listed, 404, "not_found", "patient", "lesion")


def test_one_wrong_value_has_the_words_and_the_code_of_its_rule_alone(api) -> None:
    for fields, code, errors in (
        ({"birth_date": FAR}, "birth_date_in_future", ["The birth date lies in the future."]),
        ({"given_name": "a\x00b"}, "invalid", ["Null characters are not allowed."]),
        ({"hospital": "x"}, "not_found", ["There is no such record."]),
    ):
        response = api.post(f"{API}/patients/", PATIENT | fields)
        status = 404 if code == "not_found" else 400
        body = assert_problem(response, status, code, *fields)
        assert list(body["errors"].values()) == [errors]
        assert body["detail"] == errors[0]
