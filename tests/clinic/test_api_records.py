"""Patients and lesions through the API."""

import datetime
import json
from typing import Any

import pytest
from django.utils import timezone

from clinic.models import AuditEvent, Lesion, Patient
from config.api_urls import router
from tests.api_client import API, assert_problem, client, count_queries, stored
from tests.factories import (
    HospitalFactory,
    LesionFactory,
    MembershipFactory,
    PatientFactory,
    administrator,
    doctor,
)

pytestmark = pytest.mark.django_db
TOMORROW = (timezone.localdate() + datetime.timedelta(days=1)).isoformat()
PATIENT = {
    "medical_record_number": "N-1",
    "given_name": "Sample",
    "family_name": "Alfa",
    "birth_date": "1960-02-29",
    "sex": "female",
    "skin_type": "II",
    "personal_history_of_melanoma": True,
    "family_history_of_melanoma": None,
}
LESION = {
    "label": "left of the spine",
    "anatom_site": "posterior torso",
    "laterality": "left",
    "body_map": {"view": "back", "x": 0.25, "y": 0.5},
    "diameter_mm": 4.25,
    "first_noticed": "2025-01-31",
    "notes": "grows",
}


@pytest.fixture
def hospital():
    return HospitalFactory()


@pytest.fixture
def api(hospital):
    return client(doctor(hospital))


def last_event() -> AuditEvent:
    return AuditEvent.objects.latest("id")


# Patients -----------------------------------------------------------------------------------------


def test_a_patient_is_recorded_at_the_only_hospital(api, hospital) -> None:
    response = api.post(f"{API}/patients/", PATIENT)
    body = response.json()
    assert response.status_code == 201
    assert body == PATIENT | {
        "id": body["id"],
        "hospital": str(hospital.pk),
        "created_at": body["created_at"],
        "entered_in_error": None,
    }
    assert body["created_at"].endswith("Z")
    assert response["Location"].endswith(f"{API}/patients/{body['id']}/")
    assert api.get(response["Location"]).json() == body
    assert (last_event().action, last_event().object_id) == ("view_patient", body["id"])


def test_only_the_number_is_needed(api) -> None:
    body = api.post(f"{API}/patients/", {"medical_record_number": " 7 "}).json()
    assert (body["medical_record_number"], body["sex"], body["skin_type"]) == ("7", "unknown", None)


def test_who_records_at_several_hospitals_says_where() -> None:
    first, second = HospitalFactory(), HospitalFactory()
    user = doctor(first)
    MembershipFactory(user=user, hospital=second)
    api = client(user)
    assert_problem(api.post(f"{API}/patients/", PATIENT), 400, "hospital_required", "hospital")
    response = api.post(f"{API}/patients/", PATIENT | {"hospital": str(second.pk)})
    assert response.json()["hospital"] == str(second.pk)


def test_the_hospital_where_one_only_administers_is_no_question(hospital) -> None:
    user = doctor(hospital)
    MembershipFactory(user=user, role="administrator")
    body = client(user).post(f"{API}/patients/", PATIENT).json()
    assert body["hospital"] == str(hospital.pk)


def test_a_patient_is_corrected(api, hospital) -> None:
    patient = PatientFactory(hospital=hospital, skin_type="I")
    response = api.patch(f"{API}/patients/{patient.pk}/", {"sex": "other", "skin_type": None})
    assert response.status_code == 200
    assert (response.json()["sex"], response.json()["skin_type"]) == ("other", None)
    assert response.json()["family_name"] == patient.family_name
    assert last_event().details["fields"] == ["sex", "skin_type"]


def test_a_patient_stays_at_the_hospital(api, hospital) -> None:
    patient = PatientFactory(hospital=hospital)
    address = f"{API}/patients/{patient.pk}/"
    other = str(HospitalFactory().pk)
    for given in (other, "nonsense"):
        assert_problem(api.patch(address, {"hospital": given}), 400, "not_editable", "hospital")
    both = api.patch(address, {"hospital": other, "birth_date": TOMORROW})
    assert_problem(both, 400, "invalid", "hospital", "birth_date")
    assert api.patch(address, {"hospital": str(hospital.pk)}).status_code == 200


BAD_PATIENTS: list[tuple[dict[str, Any], int, str, str]] = [
    ({"birth_date": TOMORROW}, 400, "birth_date_in_future", "birth_date"),
    ({"birth_date": "1780-01-01"}, 400, "birth_date_too_old", "birth_date"),
    ({"birth_date": "1960-02-30"}, 400, "invalid", "birth_date"),
    ({"birth_date": 5}, 400, "invalid", "birth_date"),
    ({"medical_record_number": ""}, 400, "invalid", "medical_record_number"),
    ({"medical_record_number": "  "}, 400, "invalid", "medical_record_number"),
    ({"medical_record_number": None}, 400, "invalid", "medical_record_number"),
    ({"medical_record_number": "x" * 65}, 400, "invalid", "medical_record_number"),
    ({"medical_record_number": "a\x00b"}, 400, "invalid", "medical_record_number"),
    ({"medical_record_number": {"a": 1}}, 400, "invalid", "medical_record_number"),
    ({"family_name": "x" * 101}, 400, "invalid", "family_name"),
    ({"sex": "f"}, 400, "invalid", "sex"),
    ({"skin_type": "VII"}, 400, "invalid", "skin_type"),
    ({"personal_history_of_melanoma": "perhaps"}, 400, "invalid", "personal_history_of_melanoma"),
    ({"hospital": "nonsense"}, 404, "not_found", "hospital"),
    ({"hospital": "00000000-0000-0000-0000-000000000000"}, 404, "not_found", "hospital"),
]


@pytest.mark.parametrize(("fields", "status", "code", "field"), BAD_PATIENTS)
def test_a_bad_patient_is_refused(api, media, fields, status, code, field) -> None:
    before = stored(media)
    assert_problem(api.post(f"{API}/patients/", PATIENT | fields), status, code, field)
    assert stored(media) == before


@pytest.mark.parametrize("field", ["birthdate", "Sex", "\ud800"])
def test_a_mistyped_field_of_a_patient_is_named(api, media, field: str) -> None:
    before = stored(media)
    response = api.generic(
        "POST", f"{API}/patients/", json.dumps(PATIENT | {field: "1960"}), "application/json"
    )
    name = field.encode("utf-8", "replace").decode()
    body = assert_problem(response, 400, "unknown_field", name)
    assert "birth_date" in body["errors"][name][0]
    assert "entered_in_error" not in body["errors"][name][0]
    assert stored(media) == before


def test_every_mistyped_field_of_a_lesion_is_named(api, hospital) -> None:
    lesion = LesionFactory(patient__hospital=hospital, notes="as it was")
    address = f"{API}/lesions/{lesion.pk}/"
    wrong = api.patch(address, {"diameter": 5, "site": "back", "notes": "new"})
    assert_problem(wrong, 400, "unknown_field", "diameter", "site")
    # a field of an object in the body is named where that object stands
    point = {"view": "back", "x": 0.1, "y": 0.2, "z": 0.3}
    body = assert_problem(api.patch(address, {"body_map": point}), 400, "unknown_field", "body_map")
    assert "“z”" in body["detail"]
    lesion.refresh_from_db()
    assert lesion.notes == "as it was"


def test_a_record_is_sent_back_as_it_was_given(api, hospital) -> None:
    """Fields that only the answer has are no mistake of the client's."""
    for noun, record in (
        ("patients", PatientFactory(hospital=hospital)),
        ("lesions", LesionFactory(patient__hospital=hospital)),
    ):
        address = f"{API}/{noun}/{record.pk}/"
        given = api.get(address).json()
        assert api.patch(address, given).json() == given


@pytest.mark.parametrize("field", ["medical_record_number", "sex", "hospital", "birth_date"])
def test_half_a_surrogate_pair_is_no_text(api, media, field: str) -> None:
    before = stored(media)
    body = json.dumps(PATIENT | {field: "\ud800"})
    response = api.post(f"{API}/patients/", body, content_type="application/json")
    assert response["Content-Type"] == "application/problem+json"
    assert response.status_code in (400, 404)
    assert stored(media) == before


def test_an_unknown_word_is_answered_with_the_known_ones(api) -> None:
    body = assert_problem(
        api.post(f"{API}/patients/", PATIENT | {"sex": "f"}), 400, "invalid", "sex"
    )
    assert body["detail"] == "“f” is not known here. Known are: female, male, other, unknown."


def test_a_number_is_given_once_in_a_hospital(api, hospital, media) -> None:
    PatientFactory(hospital=hospital, medical_record_number="N-1")
    PatientFactory(medical_record_number="N-2")
    before = stored(media)
    for number in ("N-1", "n-1"):
        response = api.post(f"{API}/patients/", PATIENT | {"medical_record_number": number})
        assert_problem(response, 409, "duplicate_medical_record_number", "medical_record_number")
    assert stored(media) == before
    other = api.post(f"{API}/patients/", PATIENT | {"medical_record_number": "N-2"})
    assert other.status_code == 201
    again = api.patch(other["Location"], {"medical_record_number": "N-1"})
    assert_problem(again, 409, "duplicate_medical_record_number", "medical_record_number")


def test_patients_are_searched_newest_first(api, hospital) -> None:
    for number, name in (("N-1", "Alfa"), ("N-2", "Bravo"), ("A-3", "Charlie")):
        PatientFactory(hospital=hospital, medical_record_number=number, family_name=name)
    PatientFactory(family_name="Alfa")

    def found(query: str) -> list[str]:
        rows = api.get(f"{API}/patients/?{query}").json()["results"]
        return [row["medical_record_number"] for row in rows]

    assert found("") == ["A-3", "N-2", "N-1"]
    assert found("search=a") == ["A-3", "N-2", "N-1"]  # every given name is Ada
    assert found("search=n-") == ["N-2", "N-1"]
    assert found("search=bra%20n-2") == ["N-2"]
    assert found("search=nobody") == []
    assert found(f"hospital={hospital.pk}&search=alfa") == ["N-1"]
    assert last_event().action == "list_patients"
    assert last_event().details["by"] == ["hospital", "search"]
    assert "alfa" not in str(last_event().details)


def test_a_search_that_is_no_text_is_refused(api) -> None:
    assert_problem(api.get(f"{API}/patients/?search=a%00b"), 400, "invalid", "search")
    assert_problem(api.get(f"{API}/patients/?search={'x' * 201}"), 400, "invalid", "search")


# Lesions ------------------------------------------------------------------------------------------


def test_a_lesion_is_recorded(api, hospital) -> None:
    patient = PatientFactory(hospital=hospital)
    response = api.post(f"{API}/lesions/", LESION | {"patient": str(patient.pk)})
    body = response.json()
    assert response.status_code == 201
    assert body == LESION | {
        "id": body["id"],
        "patient": str(patient.pk),
        "hospital": str(hospital.pk),
        "created_at": body["created_at"],
        "entered_in_error": None,
    }
    assert api.get(response["Location"]).json() == body
    assert last_event().action == "view_lesion"


def test_only_the_patient_is_needed(api, hospital) -> None:
    patient = PatientFactory(hospital=hospital)
    body = api.post(f"{API}/lesions/", {"patient": str(patient.pk)}).json()
    assert (body["body_map"], body["diameter_mm"], body["anatom_site"]) == (None, None, None)


def test_a_lesion_is_described_anew(api, hospital) -> None:
    lesion = LesionFactory(
        patient__hospital=hospital, body_view="back", body_x=0.1, body_y=0.2, diameter_mm=3
    )
    address = f"{API}/lesions/{lesion.pk}/"
    body = api.patch(address, {"diameter_mm": 5.5}).json()
    assert body["diameter_mm"] == 5.5
    assert body["body_map"] == {"view": "back", "x": 0.1, "y": 0.2}
    body = api.patch(address, {"body_map": None, "notes": "smaller"}).json()
    assert (body["body_map"], body["notes"], body["diameter_mm"]) == (None, "smaller", 5.5)


def test_a_lesion_stays_with_its_patient(api, hospital) -> None:
    lesion = LesionFactory(patient__hospital=hospital)
    other = PatientFactory(hospital=hospital)
    response = api.patch(f"{API}/lesions/{lesion.pk}/", {"patient": str(other.pk)})
    assert_problem(response, 400, "not_editable", "patient")


BAD_LESIONS: list[tuple[dict[str, Any], int, str, str]] = [
    ({"anatom_site": "wing"}, 400, "invalid", "anatom_site"),
    ({"laterality": "both"}, 400, "invalid", "laterality"),
    ({"first_noticed": TOMORROW}, 400, "date_in_future", "first_noticed"),
    ({"diameter_mm": 0}, 400, "invalid", "diameter_mm"),
    ({"diameter_mm": -1}, 400, "invalid", "diameter_mm"),
    ({"diameter_mm": 1000}, 400, "invalid", "diameter_mm"),
    ({"diameter_mm": 1.234}, 400, "invalid", "diameter_mm"),
    ({"diameter_mm": "NaN"}, 400, "invalid", "diameter_mm"),
    ({"diameter_mm": "wide"}, 400, "invalid", "diameter_mm"),
    ({"body_map": {"view": "side", "x": 0, "y": 0}}, 400, "invalid", "body_map"),
    ({"body_map": {"view": "back", "x": 1.1, "y": 0}}, 400, "invalid", "body_map"),
    ({"body_map": {"view": "back", "x": "nan", "y": 0}}, 400, "invalid", "body_map"),
    ({"body_map": {"view": "back", "x": 0.5}}, 400, "invalid", "body_map"),
    ({"body_map": "back"}, 400, "invalid", "body_map"),
    ({"notes": "x" * 5001}, 400, "invalid", "notes"),
    ({"patient": "nonsense"}, 404, "not_found", "patient"),
    ({"patient": None}, 400, "invalid", "patient"),
]


@pytest.mark.parametrize(("fields", "status", "code", "field"), BAD_LESIONS)
def test_a_bad_lesion_is_refused(api, hospital, media, fields, status, code, field) -> None:
    patient = PatientFactory(hospital=hospital)
    before = stored(media)
    lesion = LESION | {"patient": str(patient.pk)} | fields
    assert_problem(api.post(f"{API}/lesions/", lesion), status, code, field)
    assert stored(media) == before


@pytest.mark.parametrize(
    ("point", "errors"),
    [
        ({"view": "front"}, ["x: This field is required.", "y: This field is required."]),
        ({"view": "front", "x": 0, "y": 2}, ["y: Ensure this value is less than or equal to 1."]),
        ({"x": "a", "y": 0}, ["view: This field is required.", "x: A valid number is required."]),
        (
            {"view": "front", "x": 0, "y": None, "z": 1},
            ["“z” is no field here. Known are: view, x, y.", "y: This field may not be null."],
        ),
        ([], ["Invalid data. Expected a dictionary, but got list."]),
    ],
)
def test_what_is_wrong_with_a_place_is_said_of_its_part(api, hospital, point, errors) -> None:
    lesion = LesionFactory(patient__hospital=hospital)
    response = api.patch(f"{API}/lesions/{lesion.pk}/", {"body_map": point})
    assert assert_problem(response, 400, "invalid", "body_map")["errors"] == {"body_map": errors}


def test_another_hospitals_patient_gets_no_lesion(api, media) -> None:
    patient = PatientFactory()
    before = stored(media)
    response = api.post(f"{API}/lesions/", LESION | {"patient": str(patient.pk)})
    assert_problem(response, 404, "not_found", "patient")
    assert stored(media) == before


def test_lesions_of_a_patient_are_listed(api, hospital) -> None:
    lesion = LesionFactory(patient__hospital=hospital)
    LesionFactory(patient__hospital=hospital)
    rows = api.get(f"{API}/lesions/?patient={lesion.patient_id}").json()["results"]
    assert [row["id"] for row in rows] == [str(lesion.pk)]
    assert len(api.get(f"{API}/lesions/").json()["results"]) == 2
    other = PatientFactory()
    assert_problem(api.get(f"{API}/lesions/?patient={other.pk}"), 404, "not_found", "patient")


# Both ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noun", ["patients", "lesions"])
def test_a_list_takes_the_same_queries_for_one_row_and_for_twenty(api, hospital, noun) -> None:
    LesionFactory(patient__hospital=hospital)
    one = count_queries(api, f"{API}/{noun}/")
    LesionFactory.create_batch(19, patient__hospital=hospital)
    assert count_queries(api, f"{API}/{noun}/") == one
    assert one <= 12
    assert Patient.objects.count() == Lesion.objects.count() == 20


@pytest.mark.parametrize(
    "address",
    [
        *("patients/?pacient=1", "lesions/?search=1", "images/?lesions=1", "batches/?page=2"),
        *("diagnoses/?pacient=1", "models/?name=x", "hospitals/?search=x", "tokens/?all=1"),
        *("reports/hospital/?since=2026-01-01", "reports/patient/{patient}/?fmt=pdf"),
        *("lesions/{lesion}/histopathology/?newest=1", "audit-events/?user=1"),
    ],
)
def test_a_mistyped_filter_lists_nothing(hospital, address: str) -> None:
    user = doctor(hospital)
    MembershipFactory(user=user, hospital=hospital, role="administrator")
    lesion = LesionFactory(patient__hospital=hospital)
    path = address.format(patient=lesion.patient_id, lesion=lesion.pk)
    name = path.partition("?")[2].partition("=")[0]
    answer = client(user).get(f"{API}/{path}")
    assert_problem(answer, 400, "unknown_parameter", name)
    assert not AuditEvent.objects.filter(action__startswith="list_").exists()


def test_a_list_is_one_event_in_each_hospital_that_it_may_show() -> None:
    user = doctor(HospitalFactory())
    second = MembershipFactory(user=user).hospital
    PatientFactory.create_batch(3, hospital=second)
    client(user).get(f"{API}/patients/")
    assert AuditEvent.objects.filter(action="list_patients").count() == 2
    client(user).get(f"{API}/patients/?hospital={second.pk}")
    assert last_event().hospital == second
    assert AuditEvent.objects.filter(action="list_patients").count() == 3


def test_the_log_is_filtered_by_every_action_that_the_api_notes(hospital) -> None:
    api = client(administrator(hospital))
    viewsets = [viewset for _prefix, viewset, _name in router.registry]
    noted = {f"list_{viewset.plural}" for viewset in viewsets if hasattr(viewset, "plural")}
    noted |= {f"view_{viewset.noun}" for viewset in viewsets if hasattr(viewset, "noun")}
    assert "list_batches" in noted
    for action in sorted(noted):
        assert api.get(f"{API}/audit-events/?action={action}").status_code == 200, action
    assert_problem(api.get(f"{API}/audit-events/?action=fly"), 400, "invalid", "action")
