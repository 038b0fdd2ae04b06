"""The doctor's and the pathologist's word on a patient's and a lesion's page: above the reading."""

import datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from clinic.models import Image, Lesion
from diagnosis.documents.patient import overview_row
from diagnosis.services.patient_records import report_cards
from tests.factories import (
    DiagnosisRequestFactory,
    HistopathologyFactory,
    LesionFactory,
    ModelPolicyFactory,
    PatientFactory,
    ReviewFactory,
    doctor,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def patient():
    return PatientFactory(hospital=ModelPolicyFactory().hospital)


@pytest.fixture
def page(patient):
    browser = Client()
    browser.force_login(doctor(patient.hospital))
    return browser


def read(patient, label: str):
    """A lesion of the patient, placed on the body, with a reading."""
    lesion = LesionFactory(patient=patient, body_view="front", body_x=0.5, body_y=0.4)
    answer = {"prediction__label": label, "prediction__probability": 0.9}
    return DiagnosisRequestFactory(image__lesion=lesion, succeeded=True, **answer)


def seen(page, name: str, record) -> tuple[str, str]:
    """The page, and its words alone."""
    found = page.get(reverse(name, args=[record.pk])).content.decode()
    return found, " ".join(strip_tags(found).split())


def test_the_patients_page_tells_what_the_pathologist_found(page, patient):
    row = read(patient, "nevus")
    facts = {"confirmed_by": "Dr Path", "date": datetime.date(2026, 3, 2)}
    HistopathologyFactory(lesion=row.image.lesion, diagnosis="melanoma", **facts)

    html, words = seen(page, "patient", patient)

    # on the card, in the timeline, and by the dot, which the reading alone would draw as harmless
    assert "Histopathology: Melanoma AI: Low risk" in words
    assert "Histopathology: Melanoma, Dr Path, 2026-03-02" in words
    assert 'class="dot high"' in html
    assert ", Histopathology: Melanoma</title>" in html


def test_a_lesion_that_a_doctor_calls_malignant_is_marked_so(page, patient):
    ReviewFactory(request=read(patient, "nevus"), signed=True, conclusion="melanoma")

    html, words = seen(page, "patient", patient)

    assert 'class="dot high"' in html
    assert ", Doctor: Melanoma</title>" in html
    assert "Doctor: Melanoma" in words
    # the badge, too, is the machine's word
    assert "AI: Low risk" in words


def test_what_a_person_calls_malignant_stands_first_and_what_histology_cleared_last(page, patient):
    cleared, suspected, calm, called = (
        read(patient, label) for label in ("melanoma", "melanoma", "nevus", "nevus")
    )
    today = timezone.localdate()
    HistopathologyFactory(lesion=cleared.image.lesion, diagnosis="nevus", date=today)
    ReviewFactory(request=called, signed=True, conclusion="melanoma")

    cards = page.get(reverse("patient", args=[patient.pk])).context["cards"]

    order = [called, suspected, calm, cleared]
    assert [card.lesion for card in cards] == [row.image.lesion for row in order]


def test_a_picture_after_a_benign_finding_stands_where_its_reading_puts_it(page, patient):
    suspected = read(patient, "melanoma")
    for label in ("nevus", "nevus"):
        read(patient, label)
    yesterday = timezone.localdate() - datetime.timedelta(days=1)
    HistopathologyFactory(lesion=suspected.image.lesion, diagnosis="nevus", date=yesterday)

    html, words = seen(page, "patient", patient)

    cards = page.get(reverse("patient", args=[patient.pk])).context["cards"]
    assert cards[0].lesion == suspected.image.lesion
    assert 'class="dot high"' in html
    # the pathologist's word stays on the card
    assert "Histopathology: Nevus AI: High risk" in words
    assert "First what a doctor or pathologist calls malignant" in words


def test_an_unnamed_lesion_is_called_the_same_on_the_page_and_in_the_overview(page, patient):
    lesion = read(patient, "nevus").image.lesion
    Lesion.objects.filter(pk=lesion.pk).update(anatom_site=None, laterality=None, label="")

    _, words = seen(page, "patient", patient)

    assert "1 Lesion" not in words
    assert "Lesion 1" in words
    [card] = report_cards(doctor(patient.hospital), patient)
    assert overview_row(card)[0] == "Lesion 1"


def test_an_earlier_signature_is_not_lost_behind_a_newer_picture(page, patient):
    row = read(patient, "melanoma")
    ReviewFactory(request=row, signed=True, conclusion="melanoma", management="excise")
    taken = moment(9)
    Image.objects.filter(pk=row.image_id).update(captured_at=taken)
    DiagnosisRequestFactory(
        image__lesion=row.image.lesion,
        image__captured_at=taken + datetime.timedelta(hours=2),
        succeeded=True,
        prediction__label="nevus",
    )

    _, of_patient = seen(page, "patient", patient)
    html, of_lesion = seen(page, "lesion", row.image.lesion)

    # two pictures of one day
    assert "Doctor: Melanoma, excise of the picture of 2026-05-04 09:00" in of_patient
    assert "Not signed yet" not in of_lesion
    assert "Of the picture of 2026-05-04 09:00. The newest reading is not signed yet." in of_lesion
    link = f'<a href="{reverse("diagnosis", args=[row.pk])}">Of the picture of 2026-05-04 09:00</a>'
    assert link in html


def moment(hour: int) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime(2026, 5, 4, hour))


def test_a_conclusion_of_another_reading_of_the_same_picture_is_not_called_another_pictures(
    page, patient
):
    row = read(patient, "melanoma")
    ReviewFactory(request=row, signed=True, conclusion="melanoma", management="excise")
    DiagnosisRequestFactory(
        image=row.image, created_at=timezone.now(), succeeded=True, prediction__label="nevus"
    )

    words = seen(page, "lesion", row.image.lesion)[1]

    assert "Of another reading of this picture. The newest reading is not signed yet." in words
    assert "of the picture of" not in seen(page, "patient", patient)[1]


def test_a_later_signature_below_an_older_picture_leaves_the_newest_signed(page, patient):
    newest = read(patient, "nevus")
    lesion = newest.image.lesion
    ReviewFactory(request=newest, signed=True, conclusion="nevus", management="none")
    past = timezone.now() - datetime.timedelta(days=900)
    old = DiagnosisRequestFactory(
        image__lesion=lesion, image__captured_at=past, succeeded=True, prediction__label="nevus"
    )
    ReviewFactory(request=old, signed=True, conclusion="melanoma", management="excise")

    of_lesion = seen(page, "lesion", lesion)[1]

    taken = timezone.localdate(past).isoformat()
    assert f"Of the picture of {taken}" in of_lesion
    assert "is not signed yet" not in of_lesion


def test_the_timeline_says_what_was_replaced(page, patient):
    row = read(patient, "nevus")
    first = ReviewFactory(request=row, signed=True, conclusion="nevus", management="monitor")
    day = datetime.date(2026, 3, 2)
    HistopathologyFactory(lesion=row.image.lesion, diagnosis="melanoma", date=day)
    found = seen(page, "patient", patient)[1]
    assert "replaced by" not in found
    assert "amended since" not in found

    ReviewFactory(request=row, signed=True, amends=first, conclusion="nevus", management="excise")
    earlier = day - datetime.timedelta(days=30)
    HistopathologyFactory(lesion=row.image.lesion, diagnosis="nevus", date=earlier)
    found = seen(page, "patient", patient)[1]
    assert "2026-03-02 · replaced by a later finding" in found
    assert found.count("replaced by a later finding") == 1
    assert found.count("amended since") == 1


def test_lesions_without_a_place_are_counted_beside_the_map(page, patient):
    assert "has no place" not in seen(page, "patient", patient)[1]
    LesionFactory(patient=patient)
    assert "1 lesion has no place on the body map." in seen(page, "patient", patient)[1]
    LesionFactory(patient=patient)
    assert "2 lesions have no place on the body map." in seen(page, "patient", patient)[1]
    Lesion.objects.filter(patient=patient).update(body_view="back", body_x=0.5, body_y=0.5)
    assert "no place" not in seen(page, "patient", patient)[1]


def test_a_new_reading_says_what_else_was_concluded_of_the_lesion(page, patient):
    before = read(patient, "melanoma")
    review = ReviewFactory(request=before, signed=True, conclusion="melanoma", management="excise")
    new = DiagnosisRequestFactory(
        image__lesion=before.image.lesion, succeeded=True, prediction__label="nevus"
    )
    assert "Another signed conclusion of this lesion" not in seen(page, "diagnosis", before)[1]

    html, words = seen(page, "diagnosis", new)
    assert "Another signed conclusion of this lesion: Melanoma, excise · signed by" in words
    assert reverse("diagnosis", args=[before.pk]) in html
    assert "Histopathology" not in words
    HistopathologyFactory(lesion=before.image.lesion, diagnosis="melanoma", confirmed_by="Dr Path")
    assert "Histopathology: Melanoma, Dr Path" in seen(page, "diagnosis", new)[1]

    # another lesion's, and a draft, are not meant
    ReviewFactory(request=read(patient, "nevus"), signed=True)
    ReviewFactory(request=before, conclusion="nevus", amends=review)
    assert (
        seen(page, "diagnosis", new)[1].count("Another signed conclusion of this lesion: Melanoma")
        == 1
    )
