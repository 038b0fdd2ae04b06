"""Log lines: JSON, one id from the upload to the prediction, and nothing that names a patient."""

import json
import logging
import sys
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from clinic import origin
from clinic.models.patients import PatientQuerySet
from config.logs import AddRequestId, JsonFormatter
from diagnosis.inference import Reader
from diagnosis.models import DiagnosisRequest, ModelPolicy
from tests.api_client import API, client
from tests.checkpoints import registered
from tests.factories import HospitalFactory, LesionFactory, PatientFactory, doctor, jpeg_bytes

pytestmark = pytest.mark.django_db
IDENTIFIER = "upload-0b7c7f0e5b7f"


def record(message: str = "said", **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"msg": message, "levelname": "INFO", "name": "x", **extra})
    AddRequestId().filter(made)
    return made


def line(made: logging.LogRecord) -> dict:
    text = JsonFormatter().format(made)
    assert "\n" not in text
    return json.loads(text)


def test_a_line_is_one_object() -> None:
    with origin.following(IDENTIFIER):
        found = line(record("two\nlines", view="api-image-list", seconds=0.5, patient="Jane"))
    assert found["message"] == "two\nlines"
    assert (found["level"], found["logger"], found["view"]) == ("INFO", "x", "api-image-list")
    assert found["request_id"] == IDENTIFIER
    assert found["time"].endswith("Z")
    assert "patient" not in found


def test_an_exception_is_its_class_and_place() -> None:
    value = " ".join(("Jane", "Doe"))
    try:
        raise ValueError(value)
    except ValueError:
        found = line(record("failed", exc_info=sys.exc_info()))
    assert found["error"] == "ValueError"
    assert "test_logs.py" in found["stack"]
    assert value not in json.dumps(found)


@pytest.mark.parametrize("given", ["abcdefgh", "0b7c7f0e-5b7f-4a0e-9d61-4a0f3c1b2a10", "a" * 64])
def test_a_well_formed_id_is_taken_over(given: str) -> None:
    assert Client().get("/healthz/live/", HTTP_X_REQUEST_ID=given)["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "short", "a" * 65, "with space", "Jane\tDoe8", '"}{"x":1'])
def test_any_other_is_replaced(given: str) -> None:
    found = Client().get("/healthz/live/", HTTP_X_REQUEST_ID=given)["X-Request-ID"]
    assert found != given
    assert len(found) == 32


@pytest.mark.django_db(transaction=True)
def test_one_id_follows_an_image_from_upload_to_prediction(tmp_path: Path, caplog) -> None:
    lesion = LesionFactory()
    model = registered(tmp_path / "checkpoint")
    ModelPolicy.objects.create(hospital=lesion.patient.hospital, model_version=model)
    caplog.handler.addFilter(AddRequestId())
    caplog.set_level("INFO")
    response = client(doctor(lesion.patient.hospital)).post(
        f"{API}/diagnoses/",
        {
            "lesion": str(lesion.pk),
            "file": SimpleUploadedFile("Jane-Doe.jpg", jpeg_bytes()),
        },
        format="multipart",
        HTTP_X_REQUEST_ID=IDENTIFIER,
    )
    assert response.status_code == 202
    assert DiagnosisRequest.objects.get().trace_id == IDENTIFIER
    caplog_lines = [entry for entry in caplog.records if entry.request_id == IDENTIFIER]
    said = " ".join(entry.getMessage() for entry in caplog_lines)
    assert "stored" in said
    assert "is queued" in said
    assert "POST api-diagnosis-list 202" in said
    caplog.clear()
    reader = Reader()
    reader.drain(seconds=30)
    reader.decoders.shutdown()
    of_worker = [entry for entry in caplog.records if entry.request_id == IDENTIFIER]
    key = response.json()["id"]
    assert f"request {key} was read" in [entry.getMessage() for entry in of_worker]


def test_a_page_that_fails_leaves_class_and_place(monkeypatch, caplog) -> None:
    def fail(_rows: object, _user: object) -> None:
        raise RuntimeError(" ".join(("Jane", "Doe")))

    caplog.set_level("INFO")
    monkeypatch.setattr(PatientQuerySet, "visible_to", fail)
    browser = Client(raise_request_exception=False)
    browser.force_login(doctor(HospitalFactory()))
    answer = browser.get("/patients/", HTTP_X_REQUEST_ID=IDENTIFIER)
    assert answer.status_code == 500
    errors = [entry for entry in caplog.records if entry.levelname == "ERROR"]
    lines = [json.loads(JsonFormatter().format(entry)) for entry in errors]
    assert [entry["error"] for entry in lines] == ["RuntimeError"]
    assert "test_logs.py" in lines[0]["stack"]
    assert "Jane Doe" not in json.dumps(lines)
    # the line of the request itself has its status
    assert [entry.status for entry in caplog.records if entry.name == "config.access"] == [500]


def test_lines_name_no_patient_no_file_no_search_no_token(caplog) -> None:
    hospital = HospitalFactory()
    patient = PatientFactory(hospital=hospital, family_name="Zyxwvutsr")
    api = client(doctor(hospital))
    token = api._credentials["HTTP_AUTHORIZATION"].partition(" ")[2]
    caplog.set_level("INFO")
    api.get(f"{API}/patients/?search=Zyxwvutsr")
    api.get(f"{API}/patients/{patient.pk}/")
    api.get(f"{API}/Zyxwvutsr/")
    Client().get("/patients/Zyxwvutsr/")
    lesion = LesionFactory(patient=patient)
    fields = {"lesion": str(lesion.pk), "file": SimpleUploadedFile("Zyxwvutsr.jpg", b"no picture")}
    assert api.post(f"{API}/images/", fields, format="multipart").status_code == 400
    lines = [JsonFormatter().format(entry) for entry in caplog.records]
    assert any(str(patient.pk) in text for text in lines)
    assert not [text for text in lines if "Zyxwvutsr" in text or token in text]
