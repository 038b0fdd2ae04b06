"""Recalls: set with a review, closed by a new picture or a later review."""

import datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from clinic.errors import DomainError
from diagnosis.forms.reviews import ReviewForm
from diagnosis.models import Review
from diagnosis.services.recalls import open_recalls, overdue_recalls
from diagnosis.services.reviews import save_review
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    ImageFactory,
    ReviewFactory,
    doctor,
)

pytestmark = pytest.mark.django_db
TODAY = timezone.localdate()
MARK = ("entered_in_error_at", "entered_in_error_reason", "entered_in_error_by")
LONG_AGO = timezone.now() - datetime.timedelta(days=100)


def day(offset: int) -> datetime.date:
    return TODAY + datetime.timedelta(days=offset)


@pytest.fixture
def hospital():
    return HospitalFactory()


@pytest.fixture
def user(hospital):
    return doctor(hospital)


def recalled(hospital, offset: int, **fields) -> Review:
    """A signed review of long ago with a recall so many days from today."""
    row = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    type(row.image).objects.filter(pk=row.image_id).update(created_at=LONG_AGO)
    facts = {"signed": True, "signed_at": LONG_AGO, "recall_on": day(offset)}
    return ReviewFactory(request=row, **facts | fields)


def test_the_longest_overdue_comes_first(hospital, user) -> None:
    soon, late, later = recalled(hospital, 20), recalled(hospital, -30), recalled(hospital, -2)
    recalled(HospitalFactory(), -5)
    page = Client()
    page.force_login(user)

    assert shown(page, "") == [late, later, soon]
    assert shown(page, "?overdue=on") == [late, later]


def shown(page: Client, query: str) -> list[Review]:
    rows = page.get(reverse("recalls") + query).context["page"].rows
    return [row.signed_review for row in rows]


def test_today_is_not_overdue_yet(hospital, user) -> None:
    recalled(hospital, 0)
    assert open_recalls(user).count() == 1
    assert overdue_recalls(user).count() == 0


def test_each_recall_says_how_far_away_it_is(hospital, user) -> None:
    for offset in (20, 0, -3):
        recalled(hospital, offset)
    page = Client()
    page.force_login(user)
    found = page.get(reverse("recalls")).content.decode().replace("\xa0", " ")
    for words in ("in 2 weeks<", ">today<", ">3 days ago<", ">Overdue<"):
        assert words in found


def test_a_new_picture_closes_the_recall(hospital, user) -> None:
    review = recalled(hospital, -1)
    ImageFactory(lesion=review.request.image.lesion)
    assert not open_recalls(user).exists()


def test_an_old_picture_that_is_sent_late_closes_nothing(hospital, user) -> None:
    review = recalled(hospital, -1)
    lesion = review.request.image.lesion
    before = LONG_AGO - datetime.timedelta(days=30)
    late = ImageFactory(lesion=lesion, captured_at=before)
    assert [row.recall_on for row in open_recalls(user)] == [day(-1)]
    # marking a picture, and signing, find the lesion's recalls anew
    for facts in ((timezone.now(), "test", user), (None, None, None)):
        mark = dict(zip(MARK, facts, strict=True))
        type(late).objects.filter(pk=late.pk).update(**mark)
        assert [row.recall_on for row in open_recalls(user)] == [day(-1)]
    ReviewFactory(request=review.request, signed=True, amends=review, recall_on=day(7))
    assert [row.recall_on for row in open_recalls(user)] == [day(7)]
    ImageFactory(lesion=lesion, captured_at=timezone.now() + datetime.timedelta(days=1))
    assert not open_recalls(user).exists()


def test_another_picture_of_the_same_visit_closes_nothing(hospital, user) -> None:
    visit = LONG_AGO.replace(hour=9)
    review = recalled(hospital, -1, signed_at=visit)
    lesion = review.request.image.lesion
    type(review.request.image).objects.filter(lesion=lesion).update(created_at=visit)
    overview = ImageFactory(lesion=lesion, captured_at=visit + datetime.timedelta(minutes=5))
    assert [row.recall_on for row in open_recalls(user)] == [day(-1)]
    # nor when the lesion's recalls are found anew
    for facts in ((timezone.now(), "test", user), (None, None, None)):
        mark = dict(zip(MARK, facts, strict=True))
        type(overview).objects.filter(pk=overview.pk).update(**mark)
        assert [row.recall_on for row in open_recalls(user)] == [day(-1)]
    amended = {"amends": review, "signed_at": visit + datetime.timedelta(minutes=1)}
    ReviewFactory(request=review.request, signed=True, recall_on=day(7), **amended)
    assert [row.recall_on for row in open_recalls(user)] == [day(7)]

    ImageFactory(lesion=lesion, captured_at=visit + datetime.timedelta(days=1))
    assert not open_recalls(user).exists()


def test_a_later_review_of_the_lesion_takes_the_recalls_place(hospital, user) -> None:
    review = recalled(hospital, -1)
    ReviewFactory(request=review.request, signed=True, amends=review, recall_on=day(60))
    assert [r.recall_on for r in open_recalls(user)] == [day(60)]


def test_a_later_review_of_another_picture_does_too(hospital, user) -> None:
    review = recalled(hospital, -1)
    other = ImageFactory(lesion=review.request.image.lesion, created_at=LONG_AGO)
    # written after the recall, and taken before it: a picture that was sent in late
    assert not open_recalls(user).exists()
    again = DiagnosisRequestFactory(image=other, succeeded=True)
    ReviewFactory(request=again, signed=True, recall_on=day(30))
    assert [(row.pk, row.recall_on) for row in open_recalls(user)] == [(again.pk, day(30))]
    ReviewFactory(request=review.request, signed=True, amends=review)
    assert not open_recalls(user).exists()


def test_what_was_signed_before_closes_nothing(hospital, user) -> None:
    review = recalled(hospital, -1)
    lesion = review.request.image.lesion
    before = LONG_AGO - datetime.timedelta(days=1)
    earlier = DiagnosisRequestFactory(image=review.request.image, succeeded=True)
    ReviewFactory(request=earlier, signed=True, signed_at=before, recall_on=day(5))
    assert [row.recall_on for row in open_recalls(user)] == [day(-1)]
    assert lesion.hospital == hospital


def test_a_recall_goes_to_the_hospital_of_its_patient(hospital, user) -> None:
    patient = recalled(hospital, -1).request.image.lesion.patient
    elsewhere = HospitalFactory()
    type(patient).objects.filter(pk=patient.pk).update(hospital=elsewhere)
    assert not open_recalls(user).exists()
    assert open_recalls(doctor(elsewhere)).count() == 1


def test_a_draft_recalls_nobody(hospital, user) -> None:
    recalled(hospital, -1, signed=False, signed_at=None)
    assert not open_recalls(user).exists()


def test_a_recall_is_signed_with_the_review_and_lies_after_today(hospital, user) -> None:
    row = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    facts = {"actor": user, "request": row, "conclusion": "nevus", "management": "monitor"}

    with pytest.raises(DomainError) as caught:
        save_review(**facts, sign=True, recall_on=TODAY)
    assert (caught.value.code, set(caught.value.errors)) == ("recall_in_past", {"recall_on"})
    assert not Review.objects.exists()
    assert save_review(**facts, sign=True, recall_on=day(1)).recall_on == day(1)


def test_the_form_keeps_a_drafts_recall(hospital, user) -> None:
    row = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    page = Client()
    page.force_login(user)
    typed = {"conclusion": "nevus", "management": "monitor", "recall_on": day(90).isoformat()}

    page.post(reverse("diagnosis-review", args=[row.pk]), typed | {"save": "1"})

    form = page.get(reverse("diagnosis", args=[row.pk])).context["form"]
    assert form.initial["recall_on"] == day(90)


def test_the_next_review_of_the_lesion_is_offered_the_recall(hospital, user) -> None:
    review = recalled(hospital, 60)
    lesion = review.request.image.lesion
    again = DiagnosisRequestFactory(image=ImageFactory(lesion=lesion), succeeded=True)
    page = Client()
    page.force_login(user)

    shown = page.get(reverse("diagnosis", args=[again.pk])).content.decode()
    assert f'value="{day(60)}"' in shown
    assert "As in the last review of this lesion" in shown
    of_first = page.get(reverse("diagnosis", args=[review.request.pk])).content.decode()
    assert "(closed: seen or reviewed since)" in of_first

    # a review that recalls nobody is the last word, and another lesion has none
    ReviewFactory(request=review.request, signed=True, amends=review)
    other = ImageFactory(lesion__patient=lesion.patient)
    for image in (again.image, other):
        row = DiagnosisRequestFactory(image=image, succeeded=True)
        assert ReviewForm.of(row).initial.get("recall_on") is None


def test_amending_an_older_review_keeps_the_recall_of_the_newest(hospital, user) -> None:
    older = recalled(hospital, 60)
    lesion = older.request.image.lesion
    newer = DiagnosisRequestFactory(image=ImageFactory(lesion=lesion), succeeded=True)
    ReviewFactory(request=newer, signed=True, recall_on=day(150))
    page = Client()
    page.force_login(user)
    shown = page.get(reverse("diagnosis", args=[older.request_id])).context["form"]
    assert shown.initial["recall_on"] == day(150)
    assert "As in the last review of this lesion" in shown.fields["recall_on"].help_text
    typed = {name: shown[name].value() or "" for name in shown.fields}
    typed |= {"notes": "corrected", "sign": "1"}

    assert page.post(reverse("diagnosis-review", args=[older.request_id]), typed).status_code == 302

    open_days = set(open_recalls(user).values_list("recall_on", flat=True))
    assert open_days == {day(150)}


@pytest.mark.parametrize("offset", [-3, 60])
def test_who_signs_an_open_recall_away_is_asked_once(hospital, user, offset: int) -> None:
    older = recalled(hospital, 90)
    newer = DiagnosisRequestFactory(
        image=ImageFactory(lesion=older.request.image.lesion), succeeded=True
    )
    ReviewFactory(request=newer, signed=True, recall_on=day(offset))
    assert open_recalls(user).get().recall_on == day(offset)
    page, address = Client(), reverse("diagnosis-review", args=[older.request_id])
    page.force_login(user)
    typed = {"conclusion": "melanoma", "management": "none", "amends": str(older.pk), "sign": "1"}

    asked = page.post(address, typed)

    # beside the other slip that it may be
    errors = asked.context["form"].errors
    assert (asked.status_code, sorted(errors)) == (400, ["management", "recall_on"])
    assert f"to be seen again on {day(offset)}" in errors["recall_on"][0]
    assert open_recalls(user).exists()
    meant = {"meant": asked.context["form"]["meant"].value()}
    # asked about something else meanwhile, and not about the same again
    less = page.post(address, typed | meant | {"management": "monitor"})
    assert sorted(less.context["form"].errors) == ["management"]
    assert page.post(address, typed | meant).status_code == 302
    assert not open_recalls(user).exists()


def test_a_draft_and_a_lesion_without_a_recall_are_not_asked_about(hospital, user) -> None:
    row = recalled(hospital, 60).request
    page = Client()
    page.force_login(user)
    typed = {"conclusion": "nevus", "management": "monitor"}
    amends = {"amends": str(row.review.pk)}
    address = reverse("diagnosis-review", args=[row.pk])
    assert page.post(address, typed | amends | {"save": "1"}).status_code == 302
    other = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    address = reverse("diagnosis-review", args=[other.pk])
    assert page.post(address, typed | {"sign": "1"}).status_code == 302


@pytest.mark.parametrize("offset", [-1, 0])
def test_a_recall_whose_day_has_come_is_not_offered(hospital, offset: int) -> None:
    lesion = recalled(hospital, offset).request.image.lesion
    row = DiagnosisRequestFactory(image=ImageFactory(lesion=lesion), succeeded=True)
    assert "recall_on" not in ReviewForm.of(row).initial


def test_a_slip_of_the_year_is_refused(user, hospital) -> None:
    row = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    facts = {"actor": user, "request": row, "conclusion": "nevus", "management": "monitor"}
    last = TODAY.replace(year=TODAY.year + 10, month=12, day=31)
    with pytest.raises(DomainError) as refused:
        save_review(**facts, recall_on=last + datetime.timedelta(days=1))
    assert refused.value.code == "recall_too_late"
    assert save_review(**facts, recall_on=last).recall_on == last
