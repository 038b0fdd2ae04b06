"""The queue: order, leases, attempts and answers that are written once."""

import datetime
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from clinic.services.entered_in_error import mark_entered_in_error
from diagnosis.models import DiagnosisRequest, Prediction, Priority, Status
from diagnosis.services import queue
from diagnosis.services.queue import Answer, Claim, Run, claim_batch, renew_lease, write_answers
from tests.factories import (
    LABELS,
    DiagnosisRequestFactory,
    ImageFactory,
    ModelVersionFactory,
    doctor,
    spread,
)
from tests.threads import needs_postgresql, together

pytestmark = pytest.mark.django_db
RUN = Run(device="cpu", batch_size=1, seconds=0.25)


def order(minutes: int = 0, **fields) -> DiagnosisRequest:
    """A queued request that was made so many minutes after the first."""
    at = timezone.now() - datetime.timedelta(hours=5) + datetime.timedelta(minutes=minutes)
    return DiagnosisRequestFactory(**{"created_at": at} | fields)


def claim(limit: int = 16, **options) -> Claim:
    found = claim_batch(limit=limit, **options)
    assert found is not None
    return found


def keys(claimed: Claim | None) -> list[uuid.UUID]:
    return [request.pk for request in claimed.requests] if claimed else []


def good(request: DiagnosisRequest, label: str = "nevus") -> Answer:
    return Answer(request.pk, spread(label, 0.8), malignancy=0.1)


def bad(request: DiagnosisRequest, *, final: bool = False) -> Answer:
    return Answer(request.pk, failure="prediction_error", final=final)


def expire() -> None:
    past = timezone.now() - datetime.timedelta(seconds=1)
    DiagnosisRequest.objects.filter(status=Status.RUNNING).update(lease_expires_at=past)


# Claims -------------------------------------------------------------------------------------------


def test_nothing_waits() -> None:
    for done in ("running", "succeeded", "failed", "rejected", "cancelled"):
        DiagnosisRequestFactory(**{done: True})
    assert claim_batch(limit=16) is None


def test_interactive_before_bulk_and_the_oldest_first() -> None:
    model = ModelVersionFactory()
    late = order(3, model_version=model)
    bulk = order(0, model_version=model, priority=Priority.BULK)
    early = order(1, model_version=model)
    later_bulk = order(2, model_version=model, priority=Priority.BULK)
    assert keys(claim(limit=3)) == [early.pk, late.pk, bulk.pk]
    assert keys(claim(limit=3)) == [later_bulk.pk]
    assert claim_batch(limit=3) is None


def test_a_claimed_row_says_who_reads_it(settings) -> None:
    settings.NEVUS_LEASE_SECONDS = 20
    order()
    claimed = claim()
    row = DiagnosisRequest.objects.get()
    assert (row.status, row.lease, row.attempts) == (Status.RUNNING, claimed.lease, 1)
    assert 15 < (row.lease_expires_at - timezone.now()).total_seconds() <= 20
    assert timezone.now() - row.started_at < datetime.timedelta(seconds=10)
    assert claimed.requests == [row]


def test_a_batch_is_of_one_model_and_its_rows_are_loaded(django_assert_num_queries) -> None:
    model, other = ModelVersionFactory(), ModelVersionFactory()
    rows = [order(place, model_version=(model, other)[place % 2]) for place in range(4)]
    claimed = claim()
    assert keys(claimed) == [rows[0].pk, rows[2].pk]
    assert claimed.model_version == model
    with django_assert_num_queries(0):
        for request in claimed.requests:
            assert request.image.sha256
            assert request.model_version == model
    assert keys(claim()) == [rows[1].pk, rows[3].pk]


def test_rows_of_some_models_can_be_left() -> None:
    first, second = order(0), order(1)
    assert keys(claim(without={first.model_version_id})) == [second.pk]
    assert claim_batch(limit=16, without={first.model_version_id}) is None


def test_a_row_that_was_tried_is_read_alone() -> None:
    model = ModelVersionFactory()
    fresh, later = order(0, model_version=model), order(2, model_version=model)
    tried = order(1, model_version=model, attempts=1)
    assert keys(claim()) == [fresh.pk, later.pk]
    assert keys(claim()) == [tried.pk]
    first = order(0, model_version=model, attempts=2)
    order(1, model_version=model)
    assert keys(claim()) == [first.pk]


@pytest.mark.parametrize("claimers", [2, 4])
@pytest.mark.django_db(transaction=True)
def test_claims_at_the_same_moment_share_nothing(claimers: int) -> None:
    needs_postgresql()
    model = ModelVersionFactory()
    image = ImageFactory()
    rows = [
        order(place, model_version=model, image=ImageFactory(lesion=image.lesion))
        for place in range(12)
    ]
    outcomes = together(*[lambda: claim_batch(limit=2)] * claimers)
    found = [key for outcome in outcomes for key in keys(outcome)]
    assert len(found) == len(set(found)) == 2 * claimers
    # whoever comes second takes the next ones: nobody waits for the other's transaction
    assert set(found) == {row.pk for row in rows[: 2 * claimers]}


@pytest.mark.django_db(transaction=True)
def test_a_claim_does_not_wait_for_another_s_transaction() -> None:
    needs_postgresql()
    model = ModelVersionFactory()
    rows = [order(place, model_version=model) for place in range(3)]
    with transaction.atomic():
        mine = keys(claim(limit=2))
        (theirs,) = together(lambda: claim_batch(limit=2), seconds=5)
    assert mine == [rows[0].pk, rows[1].pk]
    assert keys(theirs) == [rows[2].pk]


# Leases -------------------------------------------------------------------------------------------


def test_a_lease_that_runs_out_gives_the_row_back() -> None:
    request = order()
    claim()
    assert queue.sweep() == 0
    expire()
    assert queue.sweep() == 1
    request.refresh_from_db()
    assert (request.status, request.attempts, request.failure_code) == (Status.QUEUED, 1, "")
    assert request.lease is request.lease_expires_at is request.started_at is None
    assert keys(claim()) == [request.pk]


def test_a_lease_can_be_renewed(settings) -> None:
    order()
    claimed = claim()
    expire()
    assert renew_lease([claimed.lease, uuid.uuid4()]) == 1
    assert queue.sweep() == 0
    assert DiagnosisRequest.objects.get().lease_expires_at > timezone.now()


def test_a_lease_is_not_renewed_for_a_row_that_is_done() -> None:
    request = order()
    claimed = claim()
    write_answers(claim=claimed, answers=[good(request)], run=RUN)
    assert renew_lease([claimed.lease]) == renew_lease([]) == 0


def test_three_lost_workers_make_a_failure() -> None:
    request = order()
    for _ in range(queue.MAXIMUM_ATTEMPTS):
        assert keys(claim()) == [request.pk]
        expire()
        queue.sweep()
    request.refresh_from_db()
    assert (request.status, request.failure_code) == (Status.FAILED, "worker_lost")
    assert (request.attempts, request.lease) == (3, None)
    assert request.finished_at is not None
    assert claim_batch(limit=16) is None


def test_three_failures_are_a_failure_and_keep_their_code() -> None:
    request = order()
    for attempt in (1, 2, 3):
        write_answers(claim=claim(), answers=[bad(request)], run=RUN)
        request.refresh_from_db()
        assert request.attempts == attempt
        assert request.status == (Status.FAILED if attempt == 3 else Status.QUEUED)
    assert request.failure_code == "prediction_error"


def test_a_final_failure_is_not_tried_again() -> None:
    request = order()
    write_answers(claim=claim(), answers=[bad(request, final=True)], run=RUN)
    request.refresh_from_db()
    assert (request.status, request.attempts) == (Status.FAILED, 1)


def test_a_sweep_rings_for_what_waits(django_capture_on_commit_callbacks) -> None:
    with mock.patch.object(queue, "ring_bell") as bell:
        with django_capture_on_commit_callbacks(execute=True):
            queue.sweep()
        assert not bell.called
        order()
        with django_capture_on_commit_callbacks(execute=True):
            queue.sweep()
    assert bell.call_count == 1


# Answers ------------------------------------------------------------------------------------------


def test_an_answer_is_kept_with_its_circumstances() -> None:
    request = order()
    run = Run(device="cuda:0", batch_size=7, seconds=0.5)
    assert write_answers(claim=claim(), answers=[good(request, "melanoma")], run=run) == 1
    request.refresh_from_db()
    prediction = request.prediction
    assert (request.status, request.lease) == (Status.SUCCEEDED, None)
    assert request.finished_at >= request.started_at
    assert (prediction.label, prediction.probability) == ("melanoma", 0.8)
    assert prediction.probabilities == spread("melanoma", 0.8)
    assert set(prediction.probabilities) == set(LABELS)
    assert prediction.malignancy_probability == 0.1
    assert (prediction.device, prediction.batch_size, prediction.seconds) == ("cuda:0", 7, 0.5)


def test_a_batch_of_good_and_bad_answers() -> None:
    model = ModelVersionFactory()
    rows = [order(place, model_version=model) for place in range(4)]
    answers = [good(rows[0]), bad(rows[1]), bad(rows[2], final=True)]
    assert write_answers(claim=claim(), answers=answers, run=RUN) == 3
    states = [DiagnosisRequest.objects.get(pk=row.pk).status for row in rows]
    # the last was forgotten: its lease runs out
    assert states == [Status.SUCCEEDED, Status.QUEUED, Status.FAILED, Status.RUNNING]
    assert Prediction.objects.count() == 1


def test_the_number_of_queries_does_not_grow_with_the_batch(
    django_assert_max_num_queries,
) -> None:
    model = ModelVersionFactory()
    lesion = ImageFactory().lesion
    for place in range(16):
        order(place, model_version=model, image=ImageFactory(lesion=lesion))
    with django_assert_max_num_queries(6):
        claimed = claim()
    answers = [good(request) for request in claimed.requests]
    with django_assert_max_num_queries(6):
        assert write_answers(claim=claimed, answers=answers, run=RUN) == 16


def test_after_a_lost_lease_the_row_is_left_alone() -> None:
    request = order()
    slow = claim()
    expire()
    queue.sweep()
    quick = claim()
    assert write_answers(claim=slow, answers=[good(request, "melanoma")], run=RUN) == 0
    request.refresh_from_db()
    assert (request.status, request.lease) == (Status.RUNNING, quick.lease)
    assert write_answers(claim=quick, answers=[good(request, "nevus")], run=RUN) == 1
    for late in (good(request, "melanoma"), bad(request, final=True)):
        assert write_answers(claim=slow, answers=[late], run=RUN) == 0
        assert write_answers(claim=quick, answers=[late], run=RUN) == 0
    request.refresh_from_db()
    assert request.prediction.label == "nevus"
    assert Prediction.objects.count() == 1


# What was entered in error while it was read -----------------------------------------------------


def marked_meanwhile() -> tuple[DiagnosisRequest, Claim]:
    request = order()
    claimed = claim()
    actor = doctor(request.hospital)
    mark_entered_in_error(actor=actor, record=request.image, reason="wrong_patient")
    return request, claimed


def fail(claimed: Claim) -> None:
    write_answers(claim=claimed, answers=[bad(claimed.requests[0])], run=RUN)


def lose(_claimed: Claim) -> None:
    expire()
    queue.sweep()


def give_back(claimed: Claim) -> None:
    queue.release([claimed.lease])


@pytest.mark.parametrize("end", [fail, lose, give_back])
def test_what_was_entered_in_error_meanwhile_is_not_read_again(end) -> None:
    request, claimed = marked_meanwhile()
    beside = order(1)
    end(claimed)
    request.refresh_from_db()
    assert (request.status, request.lease, request.failure_code) == (Status.CANCELLED, None, "")
    assert keys(claim_batch(limit=16)) == [beside.pk]


def test_what_was_entered_in_error_meanwhile_keeps_an_answer_that_came() -> None:
    request, claimed = marked_meanwhile()
    write_answers(claim=claimed, answers=[good(request)], run=RUN)
    request.refresh_from_db()
    assert request.status == Status.SUCCEEDED


def test_an_answer_to_somebody_else_s_row_is_left_alone() -> None:
    mine, other = order(0), order(1)
    claimed = claim()
    assert write_answers(claim=claimed, answers=[good(other), good(mine)], run=RUN) == 1
    other.refresh_from_db()
    assert other.status == Status.QUEUED


def test_what_is_no_probability_is_not_kept() -> None:
    request = order()
    claimed = claim()
    wrong = Answer(request.pk, {"nevus": 0.5, "melanoma": 0.4}, malignancy=0.4)
    with pytest.raises(IntegrityError), transaction.atomic():
        write_answers(claim=claimed, answers=[wrong], run=RUN)
    request.refresh_from_db()
    assert request.status == Status.RUNNING
    assert not Prediction.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_writers_at_the_same_moment_one_writes() -> None:
    needs_postgresql()
    request = order()
    claimed = claim()
    outcomes = together(
        *(
            lambda label=label: write_answers(
                claim=claimed, answers=[good(request, label)], run=RUN
            )
            for label in LABELS[:4]
        )
    )
    assert sorted(outcomes) == [0, 0, 0, 1]
    assert Prediction.objects.count() == 1
    request.refresh_from_db()
    assert request.prediction.label == LABELS[outcomes.index(1)]


@pytest.mark.django_db(transaction=True)
def test_who_locks_the_rows_in_another_order_stops_no_answer() -> None:
    needs_postgresql()
    model = ModelVersionFactory()
    rows = sorted((order(place, model_version=model) for place in range(2)), key=lambda r: r.pk)
    claimed = claim(limit=2)
    first_is_locked = threading.Event()

    def lock_backwards() -> None:
        with transaction.atomic():
            # whoever waited longest is ended: the writer, which begins to wait for the second row
            for row in reversed(rows):
                DiagnosisRequest.objects.select_for_update().get(pk=row.pk)
                first_is_locked.set()
                time.sleep(0.3)

    def write() -> int:
        first_is_locked.wait(5)
        return write_answers(claim=claimed, answers=[good(row) for row in rows], run=RUN)

    assert together(lock_backwards, write) == [None, 2]
    assert Prediction.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_sweep_and_a_late_answer_at_the_same_moment() -> None:
    """Either the answer counts or the row is read again, never both and never neither."""
    needs_postgresql()
    for _ in range(8):
        request = order()
        claimed = claim()
        expire()
        written, swept = together(
            lambda claimed=claimed, request=request: write_answers(
                claim=claimed, answers=[good(request)], run=RUN
            ),
            queue.sweep,
        )
        request.refresh_from_db()
        assert (written, swept) in [(1, 0), (0, 1)]
        assert request.status == (Status.SUCCEEDED if written else Status.QUEUED)
        DiagnosisRequest.objects.filter(status=Status.QUEUED).delete()


# Position -----------------------------------------------------------------------------------------


def test_the_position_counts_who_is_read_before() -> None:
    first, second = order(0), order(1)
    bulk = order(-1, priority=Priority.BULK)
    assert [queue.position(row) for row in (first, second, bulk)] == [0, 1, 2]
    claim(limit=1)
    first.refresh_from_db()
    assert [queue.position(row) for row in (first, second, bulk)] == [0, 0, 1]
    assert queue.position(DiagnosisRequestFactory(succeeded=True)) == 0


# The bell -----------------------------------------------------------------------------------------

RING = """
import time, django
django.setup()
from diagnosis.services.queue import ring_bell
started = time.monotonic()
print(ring_bell(), time.monotonic() - started)
"""


def ring_at(port: int, folder: Path) -> tuple[str, float]:
    """What a bell answered and how long it took, in a process with that broker."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": "sqlite://:memory:",
        "REDIS_URL": f"redis://127.0.0.1:{port}/0",
        "NEVUS_VAR": str(folder),
    }
    done = subprocess.run(
        [sys.executable, "-c", RING],
        env=environment,
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answer, seconds = done.stdout.split()
    return answer, float(seconds)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A port that nothing answers at: connections are taken, and that is all."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        yield server


def test_a_broker_that_is_down_costs_no_time(listener: socket.socket, tmp_path: Path) -> None:
    port = listener.getsockname()[1]
    listener.close()
    answer, seconds = ring_at(port, tmp_path)
    assert answer == "False"
    assert seconds < 1.5


def test_a_broker_that_never_answers_is_not_waited_for(
    listener: socket.socket, tmp_path: Path
) -> None:
    answer, seconds = ring_at(listener.getsockname()[1], tmp_path)
    assert answer == "False"
    assert seconds < 6.5


def test_a_bell_reaches_the_queue_of_the_readers() -> None:
    with mock.patch.object(queue.current_app, "send_task") as send:
        assert queue.ring_bell() is True
    send.assert_called_once_with("diagnosis.read_queued", queue="inference")
