"""What was entered in error is in no worklist, figure or report, and its recalls are open again."""

import datetime
import io
import threading
import time

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from clinic.errors import DomainError
from clinic.models import ErrorReason
from clinic.services.entered_in_error import lock, mark_entered_in_error, reinstate
from clinic.services.images import read_stored
from diagnosis.models import Batch, DiagnosisRequest, ModelPolicy, Status
from diagnosis.progress import progress_of
from diagnosis.services import batches as batches_module
from diagnosis.services import reviews as reviews_module
from diagnosis.services.batches import add_file
from diagnosis.services.confirmed import confirmed
from diagnosis.services.differences import lesion_differences
from diagnosis.services.features import keep_features
from diagnosis.services.histopathology import record_histopathology
from diagnosis.services.patient_records import report_cards
from diagnosis.services.recalls import open_recalls
from diagnosis.services.reports import hospital_report, totals
from diagnosis.services.requests import request_diagnosis
from diagnosis.services.reviews import save_review
from diagnosis.services.scorecard import recent, scorecard
from diagnosis.services.worklist import next_to_review
from tests.api_client import API, client
from tests.factories import (
    BatchFactory,
    BatchFileFactory,
    DiagnosisRequestFactory,
    HistopathologyFactory,
    HospitalFactory,
    ImageFactory,
    ImageFeaturesFactory,
    LesionFactory,
    ModelPolicyFactory,
    PatientFactory,
    ReviewFactory,
    administrator,
    doctor,
)
from tests.threads import needs_postgresql, together

pytestmark = pytest.mark.django_db
NOW = timezone.now()
DAY = datetime.timedelta(days=1)


@pytest.fixture
def hospital():
    hospital = HospitalFactory()
    ModelPolicyFactory(hospital=hospital)
    return hospital


@pytest.fixture
def user(hospital):
    return doctor(hospital)


@pytest.fixture
def page(user):
    page = Client()
    page.force_login(user)
    return page


@pytest.fixture
def row(hospital):
    return DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)


def mark(user, record):
    return mark_entered_in_error(actor=user, record=record, reason=ErrorReason.WRONG_PATIENT)


def test_a_reading_leaves_worklist_report_and_lists(user, hospital, page, row) -> None:
    api = client(user)
    addresses = (reverse("worklist"), reverse("hospital-report"))
    link = reverse("diagnosis", args=[row.pk])
    assert all(link in page.get(address).content.decode() for address in addresses)

    mark(user, row.image)

    assert not any(link in page.get(address).content.decode() for address in addresses)
    assert next_to_review(user, hospital.pk) is None
    assert totals(hospital_report(actor=user)).requests == 0
    assert api.get(f"{API}/diagnoses/").json()["results"] == []
    listed = api.get(f"{API}/diagnoses/?entered_in_error=true").json()["results"]
    assert [entry["id"] for entry in listed] == [str(row.pk)]
    assert listed[0]["entered_in_error"]["reason"] == "wrong_patient"
    shown = page.get(reverse("diagnosis", args=[row.pk])).content.decode()
    assert "It belongs to another patient" in shown
    assert 'name="conclusion"' not in shown
    reinstate(actor=user, record=row.image)
    assert next_to_review(user, hospital.pk) == row.pk


def test_nothing_is_concluded_about_it(user, row) -> None:
    lesion = mark(user, row.image.lesion)
    row.refresh_from_db()
    image = row.image
    attempts = (
        lambda: save_review(actor=user, request=row, conclusion="nevus", management="none"),
        lambda: request_diagnosis(actor=user, image=image),
        lambda: record_histopathology(
            actor=user, lesion=lesion, diagnosis="nevus", confirmed_by="L", date=NOW.date()
        ),
    )
    for attempt in attempts:
        with pytest.raises(DomainError) as refused:
            attempt()
        assert (refused.value.code, refused.value.status) == ("entered_in_error", 409)
    assert not row.reviews.exists()


def test_a_review_that_comes_too_late_keeps_what_was_typed(user, page, row) -> None:
    mark(user, row.image)
    typed = {"conclusion": "nevus", "management": "none", "notes": "Regular network."}
    answer = page.post(reverse("diagnosis-review", args=[row.pk]), typed | {"sign": "1"})
    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "Regular network." in shown
    assert "Nothing can be added to it." in shown
    assert not row.reviews.exists()


def test_what_waits_is_not_read_any_more(user, hospital) -> None:
    waiting = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital)
    mark(user, waiting.image.lesion.patient)
    waiting.refresh_from_db()
    assert (waiting.status, waiting.finished_at) == (Status.CANCELLED, waiting.entered_in_error_at)
    assert not DiagnosisRequest.objects.waiting().exists()


def test_nothing_is_ordered_or_found_of_what_was_marked_meanwhile(user, row) -> None:
    lesion = row.image.lesion
    marked = type(row.image).objects.get(pk=row.image_id), type(lesion).objects.get(pk=lesion.pk)
    mark(user, lesion)
    finding = {"diagnosis": "nevus", "confirmed_by": "L", "date": NOW.date()}
    for attempt in (
        lambda: request_diagnosis(actor=user, image=marked[0]),
        lambda: record_histopathology(actor=user, lesion=marked[1], **finding),
    ):
        with pytest.raises(DomainError) as refused:
            attempt()
        assert refused.value.code == "entered_in_error"
    assert not DiagnosisRequest.objects.standing().exists()


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_answers_meanwhile_and_a_mark_wait_for_each_other(hospital, user) -> None:
    needs_postgresql()
    row = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, running=True)
    owned, locked = threading.Event(), threading.Event()

    def answer() -> None:
        with transaction.atomic():
            DiagnosisRequest.objects.select_for_update().get(pk=row.pk)
            owned.set()
            locked.wait(10)
            keep_features(row.model_version, {row.image_id: b"\0\0"})

    @transaction.atomic
    def mark_slowly() -> None:
        owned.wait(10)
        lock(row.image)
        locked.set()
        mark(user, row.image)

    assert together(answer, mark_slowly) == [None, None]
    row.refresh_from_db()
    assert not row.is_standing


@pytest.mark.django_db(transaction=True)
def test_who_signs_while_a_mark_is_set_waits_and_is_told(hospital, user) -> None:
    needs_postgresql()
    row = DiagnosisRequestFactory(image__lesion__patient__hospital=hospital, succeeded=True)
    marked = threading.Event()

    @transaction.atomic
    def mark_slowly() -> None:
        mark(user, row.image)
        marked.set()
        time.sleep(0.5)

    def sign() -> None:
        marked.wait(10)
        save_review(actor=user, request=row, conclusion="nevus", management="monitor", sign=True)

    nothing, refused = together(mark_slowly, sign)
    assert nothing is None
    assert isinstance(refused, DomainError)
    assert refused.code == "entered_in_error"
    assert not row.reviews.exists()


@pytest.mark.django_db(transaction=True)
def test_a_signature_and_a_mark_that_change_the_same_recalls_do_not_lock_each_other_out(
    hospital, user, monkeypatch
) -> None:
    """The signature closes the recall of the other picture, whose mark opens the one before."""
    needs_postgresql()
    lesion = LesionFactory(patient__hospital=hospital)
    rows, reviews = [], []
    for days in (10, 9):
        image = ImageFactory(lesion=lesion)
        type(image).objects.filter(pk=image.pk).update(created_at=NOW - 11 * DAY)
        rows.append(DiagnosisRequestFactory(image=image, succeeded=True))
        at = {"signed_at": NOW - days * DAY, "recall_on": (NOW + 30 * DAY).date()}
        reviews.append(ReviewFactory(request=rows[-1], signed=True, **at))
    holds = threading.Event()
    find_draft = reviews_module._draft

    def slowly(request):
        holds.set()
        time.sleep(0.5)
        return find_draft(request)

    monkeypatch.setattr(reviews_module, "_draft", slowly)
    signed = {"conclusion": "nevus", "management": "none", "sign": True, "amends": reviews[0]}

    def mark_the_other() -> None:
        holds.wait(10)
        mark(user, rows[1].image)

    outcomes = together(lambda: save_review(actor=user, request=rows[0], **signed), mark_the_other)
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert recalled(user) == []


def test_figures_of_model_and_pathologist_leave_it_out(user, hospital, row) -> None:
    ReviewFactory(request=row, signed=True)
    HistopathologyFactory(lesion=row.image.lesion, diagnosis="melanoma")
    card = lambda: scorecard(*recent(row.model_version, [hospital.pk]))  # noqa: E731
    found = lambda: confirmed(hospital_report(actor=user)).counts.total()  # noqa: E731
    assert (card().read, card().signed, found()) == (1, 1, 1)

    mark(user, row.image.lesion)

    assert (card().read, card().signed, found()) == (0, 0, 0)


def test_the_others_are_not_compared_with_it(user, hospital) -> None:
    patient = PatientFactory(hospital=hospital)
    model = ModelPolicy.objects.get(hospital=hospital).model_version
    lesions = [LesionFactory(patient=patient) for _ in range(4)]
    for lesion in lesions:
        ImageFeaturesFactory(image=ImageFactory(lesion=lesion), model_version=model)
    assert lesion_differences(patient) != {}
    mark(user, lesions[0])
    # of three none can be said to differ
    assert lesion_differences(patient) == {}


def test_each_lesion_keeps_its_number(user, hospital, page) -> None:
    patient = PatientFactory(hospital=hospital)
    first, second = LesionFactory(patient=patient), LesionFactory(patient=patient)
    mark(user, first)

    cards = page.get(reverse("patient", args=[patient.pk])).context["cards"]

    assert [(card.lesion, card.number) for card in cards] == [(second, 2)]
    assert [(c.lesion, c.number) for c in report_cards(user, patient)] == [(second, 2)]


def test_a_batch_goes_on_without_it(user, hospital) -> None:
    file = BatchFileFactory(batch__patient__hospital=hospital)
    beside = BatchFileFactory(batch=file.batch)
    mark(user, file.image)
    assert [line.file for line in progress_of(file.batch).lines] == [beside.pk]


@pytest.mark.parametrize("marked", ["patient", "lesion"])
def test_the_batches_of_a_mistake_leave_every_list_and_come_back(
    user, hospital, page, marked
) -> None:
    lesion = LesionFactory(patient__hospital=hospital)
    batch = BatchFactory(lesion=lesion, patient=lesion.patient, created_by=user)
    record = lesion if marked == "lesion" else lesion.patient

    assert (listed(user), listed(user, "?entered_in_error=true")) == ([batch], [])
    mark(user, record)
    assert (listed(user), listed(user, "?entered_in_error=true")) == ([], [batch])
    assert page.get(reverse("batch-create")).context["recent"] == []
    said = client(user).get(f"{API}/batches/?entered_in_error=true").json()["results"][0]
    assert said["entered_in_error"]["reason"] == "wrong_patient"
    shown = client(user).get(f"{API}/batches/{batch.pk}/").json()
    assert shown["entered_in_error"] == said["entered_in_error"]
    reinstate(actor=user, record=record)
    assert (listed(user), listed(user, "?entered_in_error=true")) == ([batch], [])
    assert page.get(reverse("batch-create")).context["recent"] == [batch]
    assert client(user).get(f"{API}/batches/{batch.pk}/").json()["entered_in_error"] is None


def test_a_batch_of_a_lesion_marked_before_its_patient_does_not_come_back_with_the_patient(
    user, hospital
) -> None:
    lesion = LesionFactory(patient__hospital=hospital)
    of_lesion = BatchFactory(lesion=lesion, patient=lesion.patient)
    of_patient = BatchFactory(patient=lesion.patient)
    mark(user, lesion)
    patient = mark(user, lesion.patient)
    assert listed(user) == []
    reinstate(actor=user, record=patient)
    assert listed(user) == [of_patient]
    lesion.refresh_from_db()
    reinstate(actor=user, record=lesion)
    assert set(listed(user)) == {of_patient, of_lesion}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("marked", ["patient", "lesion"])
def test_a_mark_and_a_file_of_the_same_batch_do_not_lock_each_other_out(
    hospital, user, monkeypatch, marked
) -> None:
    needs_postgresql()
    lesion = LesionFactory(patient__hospital=hospital)
    record = lesion if marked == "lesion" else lesion.patient
    of_lesion = {"lesion": lesion} if marked == "lesion" else {}
    batch = BatchFactory(patient=lesion.patient, **of_lesion)
    holds = threading.Event()
    check_room = batches_module._check_room

    def slowly(*arguments):
        holds.set()
        time.sleep(0.5)
        check_room(*arguments)

    monkeypatch.setattr(batches_module, "_check_room", slowly)
    file = io.BytesIO(read_stored(ImageFactory()))

    def mark_meanwhile() -> None:
        holds.wait(10)
        mark(user, record)

    outcomes = together(
        lambda: add_file(actor=user, batch=batch, file=file, name="a.jpg", key="a"),
        mark_meanwhile,
    )
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    batch.refresh_from_db()
    assert not batch.is_standing
    assert not batch.files.get().image.is_standing


def listed(user, query: str = "") -> list[Batch]:
    rows = client(user).get(f"{API}/batches/{query}").json()["results"]
    return [Batch.objects.get(pk=row["id"]) for row in rows]


# Recalls ------------------------------------------------------------------------------------------


@pytest.fixture
def recall(hospital):
    """A review of ten days ago that recalls the lesion in ten days."""
    image = ImageFactory(lesion__patient__hospital=hospital)
    type(image).objects.filter(pk=image.pk).update(created_at=NOW - 11 * DAY)
    row = DiagnosisRequestFactory(image=image, succeeded=True)
    return ReviewFactory(
        request=row, signed=True, signed_at=NOW - 10 * DAY, recall_on=(NOW + 10 * DAY).date()
    )


def recalled(user) -> list:
    return [row.signed_review for row in open_recalls(user)]


def test_a_picture_by_mistake_closes_no_recall(user, recall) -> None:
    assert recalled(user) == [recall]
    wrong = ImageFactory(lesion=recall.request.image.lesion)
    assert recalled(user) == []

    mark(user, wrong)
    assert recalled(user) == [recall]

    reinstate(actor=user, record=wrong)
    assert recalled(user) == []


def test_another_picture_keeps_it_closed(user, recall) -> None:
    wrong, right = (ImageFactory(lesion=recall.request.image.lesion) for _ in range(2))
    mark(user, wrong)
    assert recalled(user) == []
    mark(user, right)
    assert recalled(user) == [recall]


def test_a_review_by_mistake_closes_no_recall(user, recall) -> None:
    """The later review is of a picture of long ago, which closed nothing by itself."""
    image = ImageFactory(lesion=recall.request.image.lesion)
    type(image).objects.filter(pk=image.pk).update(created_at=NOW - 12 * DAY)
    row = DiagnosisRequestFactory(image=image, succeeded=True)
    ReviewFactory(request=row, signed=True, signed_at=NOW)
    assert recalled(user) == []
    mark(user, image)
    assert recalled(user) == [recall]


def test_a_review_signed_beside_a_mistake_recalls(user, recall) -> None:
    wrong = ImageFactory(lesion=recall.request.image.lesion)
    mark(user, wrong)
    row = recall.request
    amended = save_review(
        actor=user,
        request=row,
        conclusion="nevus",
        management="monitor",
        sign=True,
        amends=recall,
        recall_on=(NOW + 30 * DAY).date(),
    )
    assert recalled(user) == [amended]


def test_the_recall_of_a_lesion_entered_in_error_is_not_open(user, recall) -> None:
    lesion = recall.request.image.lesion
    mark(user, lesion)
    assert recalled(user) == []
    reinstate(actor=user, record=lesion)
    assert recalled(user) == [recall]


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "No picture of this lesion yet."),
        (1, "The only picture of this lesion was entered in error."),
        (2, "All pictures of this lesion were entered in error."),
    ],
)
def test_a_lesion_without_a_picture_that_stands_says_why(hospital, count, words) -> None:
    actor, lesion = doctor(hospital), LesionFactory(patient__hospital=hospital)
    for image in ImageFactory.create_batch(count, lesion=lesion):
        mark_entered_in_error(actor=actor, record=image, reason="wrong_patient")
    browser = Client()
    browser.force_login(actor)

    def shown() -> str:
        found = browser.get(reverse("lesion", args=[lesion.pk])).content.decode()
        return found.partition('id="pictures"')[2].partition("</section>")[0]

    assert words in shown()
    assert ("Take the first picture" in shown()) is (count == 0)
    mark = reverse("lesion-entered-in-error", args=[lesion.pk])
    assert (mark in shown()) is (count > 0)
    browser.force_login(administrator(hospital))
    assert words in shown()
    assert mark not in shown()
