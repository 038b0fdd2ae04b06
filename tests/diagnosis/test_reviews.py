"""Reviews: drafted, signed by a doctor, amended by a later one."""

import datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from clinic.errors import DomainError
from clinic.models import AuditEvent
from diagnosis.models import DiagnosisRequest, Review
from diagnosis.services.reviews import MAXIMUM_NOTES, save_review
from ml.taxonomy import BY_LABEL
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    administrator,
    doctor,
    integration,
)
from tests.threads import needs_postgresql, together

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_(db) -> DiagnosisRequest:
    return DiagnosisRequestFactory(succeeded=True)


def save(request: DiagnosisRequest, **fields) -> Review:
    facts = {"actor": request.requested_by, "conclusion": "melanoma", "management": "excise"}
    return save_review(**{"request": request} | facts | fields)


def error_of(request: DiagnosisRequest, **fields) -> DomainError:
    with pytest.raises(DomainError) as caught:
        save(request, **fields)
    return caught.value


def test_a_draft_is_one_row_that_changes(request_: DiagnosisRequest) -> None:
    save(request_, notes="  dark  ")
    colleague = doctor(request_.hospital)
    save(request_, actor=colleague, conclusion="nevus", management="monitor")
    review = Review.objects.get()
    assert (review.conclusion, review.management, review.notes) == ("nevus", "monitor", "")
    assert (review.author, review.signed_by, review.is_signed) == (colleague, None, False)
    assert request_.review == review
    actions = AuditEvent.objects.values_list("action", flat=True)
    assert list(actions) == ["save_review"] * 2


def test_an_amendment_says_something_new_or_is_a_colleague_s(request_: DiagnosisRequest) -> None:
    signed = save(request_, sign=True, notes="seen")
    assert error_of(request_, sign=True, notes="seen", amends=signed).code == "nothing_changed"
    assert Review.objects.get() == signed
    colleague = doctor(request_.hospital)
    second = save(request_, sign=True, notes="seen", amends=signed, actor=colleague)
    assert (second.amends, second.signed_by) == (signed, colleague)


def test_signing_ends_the_draft(request_: DiagnosisRequest) -> None:
    draft = save(request_)
    signed = save(request_, sign=True, notes="seen")
    assert signed == draft
    signed.refresh_from_db()
    assert (signed.signed_by, signed.author) == (request_.requested_by,) * 2
    assert timezone.now() - signed.signed_at < datetime.timedelta(minutes=1)
    event = AuditEvent.objects.latest("id")
    assert (event.action, event.object_id) == ("sign_review", str(signed.pk))
    assert "seen" not in str(event.details)


def test_a_signed_review_is_amended_by_a_new_one(request_: DiagnosisRequest) -> None:
    first = save(request_, sign=True)
    draft = save(request_, conclusion="nevus", management="none", amends=first)
    assert request_.review == first
    second = save(request_, conclusion="nevus", management="none", amends=first, sign=True)
    assert second == draft
    request_.refresh_from_db()
    assert request_.review == second
    first.refresh_from_db()
    assert (first.conclusion, first.amended_by) == ("melanoma", second)
    third = save(request_, amends=second, sign=True)
    assert request_.reviews.count() == 3
    # the chain has one end
    error = error_of(request_, amends=second, sign=True)
    assert (error.code, error.status) == ("already_signed", 409)
    assert DiagnosisRequest.objects.get().review == third


@pytest.mark.parametrize("sign", [True, False])
def test_who_has_not_seen_the_signed_review_is_told(request_: DiagnosisRequest, sign: bool) -> None:
    signer = request_.requested_by
    signer.first_name, signer.last_name = "Ada", "North"
    signer.save()
    save(request_, sign=True)
    error = error_of(request_, actor=doctor(request_.hospital), conclusion="nevus", sign=sign)
    assert (error.code, error.status) == ("already_signed", 409)
    assert "Ada North" in error.message
    assert Review.objects.get().conclusion == "melanoma"


def test_a_review_of_another_request_cannot_be_amended(request_: DiagnosisRequest) -> None:
    other = DiagnosisRequestFactory(succeeded=True)
    foreign = save(other, sign=True)
    assert error_of(request_, amends=foreign, sign=True).code == "already_signed"
    assert not request_.reviews.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_sign_at_the_same_moment_one_is_told() -> None:
    needs_postgresql()
    request = DiagnosisRequestFactory(succeeded=True)
    actors = [doctor(request.hospital) for _ in range(4)]
    outcomes = together(
        *(lambda actor=actor: save(request, actor=actor, sign=True) for actor in actors)
    )
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert [error.code for error in errors] == ["already_signed"] * 3
    assert Review.objects.count() == AuditEvent.objects.count() == 1


@pytest.mark.parametrize("state", ["queued", "running"])
def test_what_is_not_read_is_not_reviewed(state: str) -> None:
    request = DiagnosisRequestFactory(**({} if state == "queued" else {state: True}))
    error = error_of(request)
    assert (error.code, error.status) == ("not_read_yet", 409)


@pytest.mark.parametrize("state", ["failed", "rejected"])
def test_what_could_not_be_read_can_be_reviewed(state: str) -> None:
    assert save(DiagnosisRequestFactory(**{state: True}), sign=True).is_signed


def test_only_a_doctor_of_the_hospital_reviews(request_: DiagnosisRequest) -> None:
    home, away = request_.hospital, HospitalFactory()
    for actor in (
        administrator(home),
        integration(home),
        doctor(away),
        doctor(home, is_active=False),
        administrator(away, is_superuser=True),
    ):
        for sign in (True, False):
            error = error_of(request_, actor=actor, sign=sign)
            assert (error.code, error.status) == ("permission_denied", 403)
    assert not Review.objects.exists()
    assert save(request_, actor=doctor(home), sign=True).is_signed


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"conclusion": "mel"}, "conclusion"),
        ({"conclusion": ""}, "conclusion"),
        ({"conclusion": "healthy"}, "conclusion"),
        ({"management": "wait"}, "management"),
        ({"management": ""}, "management"),
        ({"notes": "x" * (MAXIMUM_NOTES + 1)}, "notes"),
    ],
)
def test_wrong_fields_are_named(request_: DiagnosisRequest, fields: dict, field: str) -> None:
    error = error_of(request_, **fields)
    assert (error.status, list(error.errors)) == (400, [field])
    assert not Review.objects.exists()


@pytest.mark.parametrize("conclusion", BY_LABEL)
def test_every_class_can_be_concluded(request_: DiagnosisRequest, conclusion: str) -> None:
    """Also one that the model does not know."""
    notes = "x" * MAXIMUM_NOTES
    assert save(request_, conclusion=conclusion, notes=notes, sign=True).is_signed


def test_a_lesion_of_none_of_the_classes_can_be_concluded() -> None:
    """A wart is signed as what it is, and not left open or called a keratosis."""
    row = DiagnosisRequestFactory(succeeded=True)
    browser = Client()
    browser.force_login(doctor(row.hospital))
    shown = browser.get(reverse("diagnosis", args=[row.pk])).content.decode()
    assert "Another benign lesion (notes say which)" in shown
    typed = {"conclusion": "benign_lesion", "management": "none", "notes": "Wart", "sign": "1"}

    signed = browser.post(reverse("diagnosis-review", args=[row.pk]), typed, follow=True)

    assert signed.status_code == 200
    assert "Benign lesion" in signed.content.decode()
    row.refresh_from_db()
    assert row.conclusion == "benign_lesion"
    answer = browser.post(
        reverse("diagnosis-review", args=[row.pk]),
        typed | {"conclusion": "not_melanoma", "amends": str(row.review.pk)},
    )
    assert answer.status_code == 400
