"""What was entered in error leaves every list, can still be read, and comes back."""

from io import BytesIO
from urllib.parse import quote

import pytest
from django.test import Client
from django.urls import reverse

from clinic.errors import DomainError
from clinic.models import AuditEvent, Image, Lesion, Patient
from clinic.services.entered_in_error import mark_entered_in_error, reinstate
from clinic.services.images import add_image, measure_image, read_stored
from clinic.services.lesions import create_lesion, update_lesion
from clinic.services.patients import create_patient, update_patient
from tests.api_client import API, client
from tests.factories import (
    HospitalFactory,
    ImageFactory,
    LesionFactory,
    PatientFactory,
    administrator,
    doctor,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def hospital():
    return HospitalFactory()


@pytest.fixture
def user(hospital):
    return doctor(hospital)


@pytest.fixture
def image(hospital):
    return ImageFactory(lesion__patient__hospital=hospital)


@pytest.fixture
def page(user):
    page = Client()
    page.force_login(user)
    return page


def standing(record) -> bool:
    return type(record).objects.standing().filter(pk=record.pk).exists()


def mark(user, record, reason="wrong_patient"):
    return mark_entered_in_error(actor=user, record=record, reason=reason)


def test_what_a_record_holds_goes_with_it_and_comes_back(user, image) -> None:
    lesion, patient = image.lesion, image.lesion.patient
    beside = ImageFactory(lesion=LesionFactory(patient=patient))

    mark(user, lesion)

    assert not standing(lesion)
    assert not standing(image)
    assert standing(patient)
    assert standing(beside)
    assert standing(beside.lesion)
    event = AuditEvent.objects.latest("id")
    assert event.action == "mark_entered_in_error"
    assert event.details == {"reason": "wrong_patient", "images": 1}
    reinstate(actor=user, record=lesion)
    assert standing(lesion)
    assert standing(image)
    assert AuditEvent.objects.latest("id").action == "reinstate"


def test_what_was_marked_before_stays_marked(user, image) -> None:
    other = ImageFactory(lesion=image.lesion)
    mark(user, image, "duplicate")
    patient = mark(user, image.lesion.patient, "test")

    reinstate(actor=user, record=patient)

    image.refresh_from_db()
    assert image.entered_in_error_reason == "duplicate"
    assert standing(other)
    assert standing(image.lesion)


def test_nothing_comes_back_below_what_is_marked(user, image) -> None:
    mark(user, image.lesion.patient)
    image.refresh_from_db()
    with pytest.raises(DomainError) as refused:
        reinstate(actor=user, record=image)
    assert (refused.value.code, refused.value.status) == ("held_in_error", 409)
    assert not standing(image)


def test_a_mark_needs_a_reason_and_is_set_once(user, image) -> None:
    with pytest.raises(DomainError, match="Choose a reason"):
        mark(user, image, "because")
    assert standing(image)
    with pytest.raises(DomainError) as refused:
        reinstate(actor=user, record=image)
    assert refused.value.code == "not_in_error"
    mark(user, image)
    with pytest.raises(DomainError) as refused:
        mark(user, image, "test")
    assert (refused.value.code, refused.value.status) == ("entered_in_error", 409)
    image.refresh_from_db()
    assert image.entered_in_error_reason == "wrong_patient"


def test_only_who_records_may_mark(image, hospital) -> None:
    for who in (administrator(hospital), doctor(HospitalFactory())):
        with pytest.raises(DomainError) as refused:
            mark(who, image)
        assert refused.value.status == 403
    assert standing(image)


@pytest.mark.parametrize("known", [True, False], ids=["known", "marked meanwhile"])
def test_nothing_is_added_to_what_is_marked(user, image, known) -> None:
    lesion, patient = image.lesion, image.lesion.patient
    mark(user, patient)
    for record in (image, lesion, patient) if known else ():
        record.refresh_from_db()
    attempts = (
        lambda: update_patient(actor=user, patient=patient, given_name="New"),
        lambda: create_lesion(actor=user, patient=patient),
        lambda: update_lesion(actor=user, lesion=lesion, notes="New"),
        lambda: measure_image(actor=user, image=image, diameter_mm=4),
        lambda: add_image(
            actor=user, lesion=lesion, file=BytesIO(read_stored(image)), name="a.jpg"
        ),
    )
    counts = Lesion.objects.count(), Image.objects.count()
    for attempt in attempts:
        with pytest.raises(DomainError) as refused:
            attempt()
        assert refused.value.code == "entered_in_error"
    assert (Lesion.objects.count(), Image.objects.count()) == counts
    assert not any(standing(record) for record in (image, lesion, patient))


def test_two_that_write_at_once_lose_nothing_of_each_other(user, image) -> None:
    lesion, patient = image.lesion, image.lesion.patient
    same_lesion, same_patient = (type(r).objects.get(pk=r.pk) for r in (lesion, patient))
    update_patient(actor=user, patient=patient, given_name="New")
    update_patient(actor=user, patient=same_patient, sex="male")
    update_lesion(actor=user, lesion=lesion, label="New")
    update_lesion(actor=user, lesion=same_lesion, notes="New")
    lesion.refresh_from_db()
    patient.refresh_from_db()
    assert (patient.given_name, patient.sex) == ("New", "male")
    assert (lesion.label, lesion.notes) == ("New", "New")


def test_the_number_is_free_again_but_only_once(user, hospital) -> None:
    wrong = PatientFactory(hospital=hospital, medical_record_number="N-1")
    mark(user, wrong)
    right = create_patient(actor=user, hospital=hospital, medical_record_number="n-1")
    wrong.refresh_from_db()

    with pytest.raises(DomainError) as refused:
        reinstate(actor=user, record=wrong)

    assert refused.value.code == "duplicate_medical_record_number"
    assert list(Patient.objects.standing()) == [right]


def test_the_same_picture_is_told_to_come_back(user, image) -> None:
    mark(user, image)
    content = BytesIO(read_stored(image))
    with pytest.raises(DomainError, match="Reinstate that one") as refused:
        add_image(actor=user, lesion=image.lesion, file=content, name="a.jpg")
    assert refused.value.code == "duplicate_image"


def test_the_log_finds_both_patients_of_a_number(user, hospital) -> None:
    wrong = PatientFactory(hospital=hospital, medical_record_number="N-1")
    mark(user, wrong)
    right = create_patient(actor=user, hospital=hospital, medical_record_number="N-1")
    log = Client()
    log.force_login(administrator(hospital))

    found = log.get(reverse("audit-log"), {"object_id": "N-1"}).context["page"].rows

    keys = {row["event"].object_id for row in found}
    assert keys == {str(wrong.pk), str(right.pk)}


# Pages --------------------------------------------------------------------------------------------


def test_a_page_asks_marks_shows_and_takes_back(page, user, image) -> None:
    lesion = image.lesion
    ask = reverse("image-entered-in-error", args=[image.pk])
    assert "leaves every list" in page.get(ask).content.decode()
    assert page.post(ask, {}).status_code == 400
    assert page.post(ask, {"reason": "because"}).status_code == 400
    assert standing(image)

    done = page.post(ask, {"reason": "wrong_lesion"}, follow=True)

    assert done.redirect_chain[-1][0] == reverse("lesion", args=[lesion.pk])
    shown = done.content.decode()
    assert "It belongs to another lesion" in shown
    assert "The only picture of this lesion was entered in error." in shown
    again = page.get(ask).content.decode()
    assert user.display_name in again
    assert "Reinstate the picture" in again
    # the picture itself can still be looked at
    assert page.get(reverse("image-thumbnail", args=[image.pk])).status_code == 200
    back = page.post(reverse("image-reinstate", args=[image.pk]), follow=True)
    assert "Reinstate the" not in back.content.decode()
    assert standing(image)


def test_a_patient_entered_in_error_is_found_in_a_list_of_its_own(page, user, image) -> None:
    patient = image.lesion.patient
    ask = reverse("patient-entered-in-error", args=[patient.pk])
    assert "1 lesion and its pictures" in page.get(ask).content.decode()
    assert page.post(ask, {"reason": "duplicate"}, follow=True).context["page"].rows == []

    listed = page.get(reverse("patients"), {"entered_in_error": "1"})
    assert listed.context["page"].rows == [patient]
    shown = page.get(reverse("patient", args=[patient.pk])).content.decode()

    assert "It is recorded twice" in shown
    assert "Reinstate the patient" in shown
    # what was marked with it can be read on its page, and nothing can be added
    assert reverse("lesion", args=[image.lesion_id]) in shown
    assert reverse("diagnosis-create") + "?patient" not in shown
    of_lesion = page.get(reverse("lesion", args=[image.lesion_id])).content.decode()
    assert "Reinstate the patient" in of_lesion


def test_who_only_looks_cannot_take_a_mark_back(user, image, hospital) -> None:
    mark(user, image.lesion)
    other = Client()
    other.force_login(administrator(hospital))
    shown = other.get(reverse("lesion", args=[image.lesion_id])).content.decode()
    assert "Entered in error" in shown
    assert "Reinstate the" not in shown
    # what was said is there to be read, and can be said once only by who records
    ask = reverse("image-entered-in-error", args=[image.pk])
    assert "It belongs to another patient" in other.get(ask).content.decode()
    assert other.post(ask, {"reason": "test"}).status_code == 403
    back = other.post(reverse("lesion-reinstate", args=[image.lesion_id]))
    assert back.status_code == 403


# The API ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noun", ["patients", "lesions", "images"])
def test_the_api_marks_filters_and_takes_back(user, image, noun) -> None:
    api = client(user)
    key = {"patients": image.lesion.patient_id, "lesions": image.lesion_id, "images": image.pk}[
        noun
    ]
    one = f"{API}/{noun}/{key}/"

    bad = api.post(f"{one}entered-in-error/", {"reason": "because"})
    assert (bad.status_code, list(bad.json()["errors"])) == (400, ["reason"])
    body = api.post(f"{one}entered-in-error/", {"reason": "test"}).json()

    said = body["entered_in_error"]
    assert (said["by"], said["reason"], said["at"][-1]) == (str(user.pk), "test", "Z")
    assert api.get(one).json()["entered_in_error"] == said
    assert api.get(f"{API}/{noun}/").json()["results"] == []
    listed = api.get(f"{API}/{noun}/?entered_in_error=true").json()["results"]
    assert [row["id"] for row in listed] == [str(key)]
    assert api.post(f"{one}entered-in-error/", {"reason": "test"}).status_code == 409
    assert api.post(f"{one}reinstate/").json()["entered_in_error"] is None
    assert [row["id"] for row in api.get(f"{API}/{noun}/").json()["results"]] == [str(key)]


@pytest.mark.parametrize("address", ["//away.example/", "https://away.example/", "away"])
def test_a_mark_leads_nowhere_but_here(page, image, address) -> None:
    mark = reverse("image-entered-in-error", args=[image.pk])
    told = page.post(f"{mark}?next={quote(address)}", {"reason": "wrong_patient"})
    assert told["Location"] == "/"
