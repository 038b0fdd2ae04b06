"""The audit log as a file: for people, in their language, with the codes that never change."""

import csv
import io
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from clinic.models import AuditEvent
from clinic.services.audit import record_event
from clinic.services.audit_log import sheet_rows
from tests.factories import HospitalFactory, ImageFactory, PatientFactory, administrator, doctor

pytestmark = pytest.mark.django_db
SECONDS = "%Y-%m-%d %H:%M:%S"


@pytest.fixture
def hospital():
    return HospitalFactory(name="Alpha")


@pytest.fixture
def page(hospital) -> Client:
    found = Client()
    found.force_login(administrator(hospital))
    return found


def file_of(page, **asked) -> list[dict[str, str]]:
    """The lines of the downloaded file by its headings."""
    response = page.get(reverse("audit-log-csv"), asked)
    content = b"".join(response.streaming_content).decode()
    assert content.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(content.removeprefix("\ufeff"))))


def test_the_file_holds_what_was_asked_for_and_no_formula(page, hospital) -> None:
    record_event(actor=doctor(hospital, username="=1+1"), action="view_staff", hospital=hospital)
    record_event(actor=None, action="view_model", hospital=hospital)

    rows = file_of(page, action="view_staff")

    assert [(row["User name"], row["What"]) for row in rows] == [("'=1+1", "Staff looked at")]


def test_the_log_says_what_of_it_was_handed_out_and_never_what_was_typed(page, hospital) -> None:
    PatientFactory(hospital=hospital, medical_record_number="N-17")
    ada = doctor(hospital, first_name="Ada", last_name="North", username="ada_n")
    asked = {"from": "2026-01-01", "actor": str(ada.pk), "action": "view_staff"}

    file_of(page, object_id="N-17", **asked)

    event = AuditEvent.objects.get(action="export_audit_log")
    by = ["action", "actor", "from", "object_id"]
    assert event.details == {"format": "csv", "by": by, "filters": asked}
    (row,) = file_of(page, action="export_audit_log", to="2999-12-31")[1:]
    assert row["Details"] == (
        "filtered by: what Staff looked at, who Ada North (ada_n), from 2026-01-01, "
        "record number or identifier; format: CSV"
    )


def test_the_file_is_for_people_and_keeps_the_codes(page, hospital, settings) -> None:
    settings.TIME_ZONE = "Europe/Madrid"
    patient = PatientFactory(hospital=hospital)
    person = doctor(hospital, username="nell", first_name="Nell", last_name="New")
    details = {"fields": ["birth_date"]}
    record_event(
        actor=person, action="update_patient", hospital=hospital, obj=patient, details=details
    )

    (row,) = file_of(page, action="update_patient")

    event = AuditEvent.objects.get(action="update_patient")
    assert row == {
        "When": timezone.localtime(event.at, ZoneInfo("Europe/Madrid")).strftime(SECONDS),
        "Who": "Nell New",
        "User name": "nell",
        "What": "Patient corrected",
        "Record": "patient",
        "Identifier": str(patient.pk),
        "Medical record number": patient.medical_record_number,
        "From where": "",
        "Details": "fields: birth date",
        "Hospital": "Alpha",
        "Number in the log": str(event.sequence),
        "Time (ISO 8601)": event.at.isoformat(timespec="seconds"),
        "Event code": "update_patient",
        "Record code": "patient",
        "Hash": event.hash,
    }


def test_a_file_of_all_events_says_nothing_of_filters(page, hospital) -> None:
    # the file holds the event of its own making
    (row,) = (row for row in file_of(page) if row["Event code"] == "export_audit_log")

    assert row["Details"] == "format: CSV"


def test_the_file_speaks_the_language_of_who_asked(page, hospital) -> None:
    record_event(actor=None, action="create_hospital", hospital=hospital, obj=hospital)
    page.cookies["nevus_language"] = "es"

    response = page.get(reverse("audit-log-csv"), {"action": "create_hospital"})
    # the lines are written when the request is over
    translation.activate("en")
    header, line = csv.reader(io.StringIO(b"".join(response.streaming_content).decode()))

    assert header[:4] == ["\ufeffCuándo", "Quién", "Nombre de usuario", "Qué"]
    assert line[1:5] == ["la plataforma", "", "Hospital registrado", "hospital Alpha"]
    assert line[12:14] == ["create_hospital", "hospital"]


def test_the_file_says_of_which_patient_a_record_is_as_the_page_does(page, hospital) -> None:
    patient = PatientFactory(hospital=hospital, medical_record_number="=M-1")
    image = ImageFactory(lesion__patient=patient)
    elsewhere = PatientFactory(medical_record_number="ELSEWHERE")
    for record in (patient, image.lesion, image, elsewhere, hospital):
        record_event(actor=None, action="view_patient", hospital=hospital, obj=record)
    record_event(actor=None, action="view_patient", hospital=hospital)

    rows = file_of(page, action="view_patient")

    numbers = {row["Identifier"]: row["Medical record number"] for row in rows}
    assert {str(r.pk): numbers[str(r.pk)] for r in (patient, image.lesion, image)} == {
        str(r.pk): "'=M-1" for r in (patient, image.lesion, image)
    }
    assert (numbers[str(elsewhere.pk)], numbers[str(hospital.pk)], numbers[""]) == ("", "", "")
    shown = page.get(reverse("audit-log"), {"action": "view_patient"}).content.decode()
    assert shown.count("=M-1") == 3
    assert "ELSEWHERE" not in shown


def test_the_file_is_two_queries_a_chunk(hospital, monkeypatch) -> None:
    monkeypatch.setattr("clinic.services.audit_log.CHUNK", 3)
    events = AuditEvent.objects.filter(hospital=hospital)
    for number in range(1, 6):
        patient = PatientFactory(hospital=hospital)
        record_event(actor=doctor(hospital), action="view_patient", hospital=hospital, obj=patient)
        with CaptureQueriesContext(connection) as asked:
            lines = list(sheet_rows(hospital, events))
        # the events, and the patients of every three
        assert (len(lines), len(asked)) == (number + 1, 1 + -(-number // 3))
