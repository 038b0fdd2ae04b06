"""Histopathology: recorded by a service, a page and the API; the newest finding counts."""

import datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from clinic.errors import DomainError
from clinic.models import AuditEvent
from diagnosis.models import Histopathology
from diagnosis.services.histopathology import record_histopathology
from tests.api_client import API, assert_problem, client
from tests.factories import (
    DiagnosisRequestFactory,
    HistopathologyFactory,
    LesionFactory,
    ReviewFactory,
    administrator,
    doctor,
)

pytestmark = pytest.mark.django_db
FOUND = {"diagnosis": "melanoma", "confirmed_by": " Laboratory ", "date": datetime.date(2026, 5, 4)}
TOMORROW = timezone.localdate() + datetime.timedelta(days=2)


@pytest.fixture
def lesion():
    return LesionFactory()


@pytest.fixture
def page(lesion):
    found = Client()
    found.force_login(doctor(lesion.patient.hospital))
    return found


def test_a_finding_is_recorded_with_an_event(lesion) -> None:
    actor = doctor(lesion.patient.hospital)

    finding = record_histopathology(actor=actor, lesion=lesion, notes=" Breslow 0.4 mm ", **FOUND)

    finding.refresh_from_db()
    assert (finding.diagnosis, finding.confirmed_by) == ("melanoma", "Laboratory")
    assert (finding.notes, finding.recorded_by) == ("Breslow 0.4 mm", actor)
    event = AuditEvent.objects.get()
    assert (event.action, event.hospital) == ("record_histopathology", lesion.patient.hospital)
    assert "Breslow" not in str(event.details)


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"diagnosis": "mole"}, "diagnosis", "unknown_diagnosis"),
        ({"date": TOMORROW}, "date", "date_in_future"),
        ({"date": datetime.date(1970, 5, 16)}, "date", "date_before_birth"),
        ({"confirmed_by": "  "}, "confirmed_by", "invalid"),
        ({"confirmed_by": "x" * 201}, "confirmed_by", "invalid"),
        ({"notes": "x" * 5001}, "notes", "notes_too_long"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_stored(lesion, fields, field, code) -> None:
    with pytest.raises(DomainError) as caught:
        record_histopathology(
            actor=doctor(lesion.patient.hospital), lesion=lesion, **FOUND | fields
        )
    assert (caught.value.code, set(caught.value.errors)) == (code, {field})
    assert not Histopathology.objects.exists()


def test_an_administrator_may_not(lesion) -> None:
    with pytest.raises(DomainError) as caught:
        record_histopathology(actor=administrator(lesion.patient.hospital), lesion=lesion, **FOUND)
    assert caught.value.status == 403


def test_the_page_of_the_lesion_shows_the_newest_finding_and_those_before(page, lesion) -> None:
    address = reverse("histopathology-create", args=[lesion.pk])
    first = {"diagnosis": "nevus", "confirmed_by": "Laboratory One", "date": "2026-05-04"}

    page.post(address, first | {"notes": "Margins free."})
    response = page.post(
        address, first | {"diagnosis": "melanoma", "confirmed_by": "Laboratory Two"}, follow=True
    )

    assert response.context["finding"].diagnosis == "melanoma"
    found = response.content.decode()
    assert found.index("before: Nevus, Laboratory One") < found.index("Margins free.")


def test_a_wrong_finding_is_explained_and_what_was_typed_is_kept(page, lesion) -> None:
    response = page.post(
        reverse("histopathology-create", args=[lesion.pk]),
        {"confirmed_by": "Laboratory", "date": TOMORROW.isoformat(), "notes": "kept words"},
    )

    found = response.content.decode()
    assert response.status_code == 400
    assert "Choose what was found." in found
    assert "kept words" in found
    assert not Histopathology.objects.exists()


def test_the_api_records_and_lists(lesion) -> None:
    api = client(doctor(lesion.patient.hospital))
    address = f"{API}/lesions/{lesion.pk}/histopathology/"
    body = {"diagnosis": "melanoma", "confirmed_by": "Laboratory", "date": "2026-05-04"}

    made = api.post(address, body, format="json", headers={"Idempotency-Key": "a"})
    again = api.post(address, body, format="json", headers={"Idempotency-Key": "a"})
    api.post(address, body | {"diagnosis": "nevus"}, format="json")

    assert (made.status_code, again.json()) == (201, made.json())
    assert made.json() | body == made.json()
    found = [finding["diagnosis"] for finding in api.get(address).json()["results"]]
    assert found == ["nevus", "melanoma"]


def test_the_api_explains_what_is_wrong(lesion) -> None:
    api = client(doctor(lesion.patient.hospital))
    address = f"{API}/lesions/{lesion.pk}/histopathology/"

    wrong = api.post(address, {"diagnosis": "mole"}, format="json")
    assert_problem(wrong, 400, "invalid", "diagnosis", "confirmed_by", "date")
    late = {"diagnosis": "nevus", "confirmed_by": "L", "date": TOMORROW.isoformat()}
    assert_problem(api.post(address, late, format="json"), 400, "date_in_future", "date")


def test_the_diagnosis_shows_the_finding_beside_the_signed_conclusion(page, lesion) -> None:
    row = DiagnosisRequestFactory(image__lesion=lesion, succeeded=True)
    ReviewFactory(request=row, signed=True)
    HistopathologyFactory(lesion=lesion, confirmed_by="Laboratory Seven")

    assert "Laboratory Seven" in page.get(reverse("diagnosis", args=[row.pk])).content.decode()
