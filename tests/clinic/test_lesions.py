"""Lesions are recorded and described by the rules."""

import datetime
import math
from decimal import Decimal

import pytest
from django.utils import timezone

from clinic.errors import DomainError
from clinic.models import AuditEvent, Lesion
from clinic.services.entered_in_error import mark_entered_in_error
from clinic.services.lesions import create_lesion, number_lesions, update_lesion
from tests.factories import HospitalFactory, LesionFactory, PatientFactory, administrator, doctor

pytestmark = pytest.mark.django_db


def test_a_lesion_is_recorded_with_an_event() -> None:
    patient = PatientFactory()
    lesion = create_lesion(
        actor=doctor(patient.hospital),
        patient=patient,
        label=" left arm ",
        anatom_site="upper extremity",
        laterality="",
        body_view="front",
        body_x=0,
        body_y=1,
        diameter_mm="4.25",
    )
    lesion.refresh_from_db()
    assert (lesion.label, lesion.laterality) == ("left arm", None)
    assert (lesion.body_x, lesion.body_y) == (0, 1)
    assert lesion.diameter_mm == Decimal("4.25")
    event = AuditEvent.objects.get()
    assert (event.action, event.hospital) == ("create_lesion", patient.hospital)
    assert "left arm" not in str(event.details)


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"anatom_site": "wing"}, "anatom_site", "invalid"),
        ({"laterality": "both"}, "laterality", "invalid"),
        ({"body_view": "front"}, "body_map", "body_map_incomplete"),
        ({"body_view": "front", "body_x": 0.5}, "body_map", "body_map_incomplete"),
        ({"body_x": 0.5, "body_y": 0.5}, "body_map", "body_map_incomplete"),
        ({"body_view": "", "body_x": 0.5, "body_y": 0.5}, "body_map", "body_map_incomplete"),
        ({"body_view": "side", "body_x": 0.5, "body_y": 0.5}, "body_view", "invalid"),
        ({"body_view": "front", "body_x": 1.1, "body_y": 0.5}, "body_x", "invalid"),
        ({"body_view": "front", "body_x": 0.5, "body_y": -0.1}, "body_y", "invalid"),
        ({"body_view": "front", "body_x": math.nan, "body_y": 0.5}, "body_map", "invalid"),
        ({"body_view": "front", "body_x": 0.5, "body_y": math.inf}, "body_y", "invalid"),
        ({"diameter_mm": 0}, "diameter_mm", "invalid"),
        ({"diameter_mm": "NaN"}, "diameter_mm", "invalid"),
        ({"diameter_mm": 1000}, "diameter_mm", "invalid"),
        ({"diameter_mm": "broad"}, "diameter_mm", "invalid"),
        ({"label": "x" * 101}, "label", "invalid"),
        ({"first_noticed": "long ago"}, "first_noticed", "invalid"),
    ],
)
def test_wrong_fields_are_named(fields: dict, field: str, code: str) -> None:
    patient = PatientFactory()
    with pytest.raises(DomainError) as caught:
        create_lesion(actor=doctor(patient.hospital), patient=patient, **fields)
    error = caught.value
    assert (error.code, error.status, list(error.errors)) == (code, 400, [field])
    assert not Lesion.objects.exists()
    assert not AuditEvent.objects.exists()


def test_a_date_in_the_future_is_refused() -> None:
    patient = PatientFactory()
    today = timezone.localdate()
    actor = doctor(patient.hospital)
    assert create_lesion(actor=actor, patient=patient, first_noticed=today).pk
    with pytest.raises(DomainError) as caught:
        create_lesion(
            actor=actor, patient=patient, first_noticed=today + datetime.timedelta(days=1)
        )
    assert caught.value.code == "date_in_future"


def test_a_description_leaves_the_rest_and_the_patient() -> None:
    lesion = LesionFactory(anatom_site="palms/soles", body_view="back", body_x=0.1, body_y=0.2)
    patient = lesion.patient
    update_lesion(
        actor=doctor(patient.hospital), lesion=lesion, notes="darker", patient=PatientFactory()
    )
    lesion.refresh_from_db()
    assert (lesion.notes, lesion.anatom_site, lesion.patient) == ("darker", "palms/soles", patient)


@pytest.mark.parametrize(
    "name", ["anatom_site", "laterality", "diameter_mm", "first_noticed", "body_view"]
)
def test_an_empty_text_is_no_value(name: str) -> None:
    lesion = LesionFactory(diameter_mm=3, first_noticed=datetime.date(2020, 1, 1))
    update_lesion(actor=doctor(lesion.patient.hospital), lesion=lesion, **{name: ""})
    lesion.refresh_from_db()
    assert getattr(lesion, name) is None


def test_the_place_can_be_taken_away() -> None:
    lesion = LesionFactory(body_view="back", body_x=0.1, body_y=0.2)
    actor = doctor(lesion.patient.hospital)
    update_lesion(actor=actor, lesion=lesion, body_view=None, body_x=None, body_y=None)
    lesion.refresh_from_db()
    assert lesion.body_x is None
    with pytest.raises(DomainError, match="view, x and y"):
        update_lesion(actor=actor, lesion=lesion, body_x=0.5)


def test_a_description_that_changes_nothing_is_no_event() -> None:
    lesion = LesionFactory(label="the mole", notes="")
    actor = doctor(lesion.patient.hospital)
    update_lesion(actor=actor, lesion=lesion, label=" the mole ", notes="")
    assert not AuditEvent.objects.exists()


def test_who_may_not_record() -> None:
    lesion = LesionFactory()
    home = lesion.patient.hospital
    for actor in (administrator(home), doctor(HospitalFactory()), doctor(home, is_active=False)):
        for call in (
            lambda actor=actor: create_lesion(actor=actor, patient=lesion.patient),
            lambda actor=actor: update_lesion(actor=actor, lesion=lesion, notes="x"),
        ):
            with pytest.raises(DomainError) as caught:
                call()
            assert caught.value.status == 403
    assert Lesion.objects.count() == 1


def test_the_title_is_the_number_with_the_label_or_the_place() -> None:
    head = {"anatom_site": "head/neck"}
    assert LesionFactory(label="arm").title == "1 · arm"
    assert LesionFactory(**head).title == "1 · Head or neck"
    assert LesionFactory(**head, laterality="left").title == "1 · Head or neck, left"


def test_lesions_of_one_name_or_none_are_told_apart_by_their_number() -> None:
    patient = PatientFactory()
    first, second, third = (
        LesionFactory(patient=patient, anatom_site=None, label=label) for label in ("", "arm", "")
    )
    fourth = LesionFactory(patient=patient, label="arm")
    LesionFactory(anatom_site=None)  # another patient's

    titles = [lesion.title for lesion in (first, second, third, fourth)]
    assert titles == ["Lesion 1", "2 · arm", "Lesion 3", "4 · arm"]
    # what leaves the lists takes no number with it
    mark_entered_in_error(actor=doctor(patient.hospital), record=first, reason="duplicate")
    assert Lesion.objects.get(pk=third.pk).title == "Lesion 3"


def test_many_lesions_are_numbered_in_one_query(django_assert_num_queries) -> None:
    patient = PatientFactory()
    lesions = LesionFactory.create_batch(3, patient=patient, anatom_site=None)
    lesions.append(LesionFactory(anatom_site=None))

    with django_assert_num_queries(1):
        number_lesions(lesions)
        assert [lesion.title for lesion in lesions] == [
            "Lesion 1",
            "Lesion 2",
            "Lesion 3",
            "Lesion 1",
        ]


def test_a_place_on_the_body_map_says_the_site_that_nobody_gave() -> None:
    patient = PatientFactory()
    place = {"body_view": "back", "body_x": 0.4, "body_y": 0.3}
    lesion = create_lesion(actor=doctor(patient.hospital), patient=patient, **place)
    lesion.refresh_from_db()
    assert (lesion.anatom_site, lesion.laterality) == ("posterior torso", "left")


def test_a_site_that_was_given_stays_whatever_the_map_says() -> None:
    patient = PatientFactory()
    place = {"body_view": "back", "body_x": 0.4, "body_y": 0.3, "anatom_site": "lateral torso"}
    lesion = create_lesion(actor=doctor(patient.hospital), patient=patient, **place)
    assert (lesion.anatom_site, lesion.laterality) == ("lateral torso", None)


@pytest.mark.parametrize(
    ("birth", "day", "code"),
    [
        (datetime.date(1970, 5, 17), datetime.date(1970, 5, 16), "date_before_birth"),
        (None, datetime.date(1, 1, 1), "date_too_old"),
    ],
)
def test_nothing_is_noticed_before_the_birth(birth, day, code) -> None:
    patient = PatientFactory(birth_date=birth)
    actor = doctor(patient.hospital)
    with pytest.raises(DomainError) as caught:
        create_lesion(actor=actor, patient=patient, first_noticed=day)
    assert caught.value.code == code
    if birth:
        assert create_lesion(actor=actor, patient=patient, first_noticed=birth).pk
