"""A worker that is asked to stop finishes its batch, or gives it back unread and uncounted."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from diagnosis.inference import Reader
from diagnosis.models import DiagnosisRequest, Prediction
from diagnosis.services import queue
from tests.checkpoints import registered
from tests.diagnosis.while_reading import READ, WAITS, states, while_it_computes
from tests.factories import LABELS, DiagnosisRequestFactory, ImageFactory, LesionFactory, spread

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    made.decoders.shutdown()


@pytest.fixture
def requests(tmp_path: Path, settings) -> list[DiagnosisRequest]:
    """Six that wait, to be read in batches of two."""
    settings.NEVUS_BATCH_SIZE = 2
    model, lesion = registered(tmp_path / "checkpoint"), LesionFactory()
    images = [ImageFactory(lesion=lesion) for _ in range(6)]
    return [DiagnosisRequestFactory(image=image, model_version=model) for image in images]


def test_the_batch_is_finished_and_no_other_claimed(
    reader: Reader, requests: list[DiagnosisRequest]
) -> None:
    with while_it_computes(reader.stopping.set):
        assert reader.drain(seconds=60) is True
    assert states() == [READ] * 2 + [WAITS] * 4
    assert reader.leases.held == set()
    assert reader.stop(seconds=0) is True


def test_what_takes_too_long_is_given_back_and_never_written(
    reader: Reader, requests: list[DiagnosisRequest]
) -> None:
    ends = []
    with while_it_computes(lambda: ends.append(reader.stop(seconds=0))):
        assert reader.drain(seconds=60) is True
    assert ends == [False]
    assert states() == [WAITS] * 6
    assert not Prediction.objects.exists()


def test_a_worker_that_stops_claims_nothing(
    reader: Reader, requests: list[DiagnosisRequest]
) -> None:
    assert reader.stop(seconds=0) is True
    # something may still wait: the caller rings for the others
    assert reader.drain(seconds=60) is True
    assert states() == [WAITS] * 6


def test_another_worker_reads_at_once_what_was_given_back(
    reader: Reader, requests: list[DiagnosisRequest]
) -> None:
    claim = queue.claim_batch(limit=6)
    assert claim is not None
    assert queue.release([claim.lease]) == 6
    assert reader.drain(seconds=60) is False
    assert states() == [READ] * 6
    # in one batch each: nothing of it looks like a row that kills workers
    assert {prediction.batch_size for prediction in Prediction.objects.all()} == {2}


def test_only_what_is_still_owned_is_given_back(requests: list[DiagnosisRequest]) -> None:
    claim = queue.claim_batch(limit=2)
    assert claim is not None
    answer = queue.Answer(claim.requests[0].pk, spread(LABELS[0], 0.8), malignancy=0.1)
    queue.write_answers(claim=claim, answers=[answer], run=queue.Run("cpu", 1, 0.1))
    assert queue.release([claim.lease]) == 1
    assert sorted(states()) == sorted([READ] + [WAITS] * 5)
    assert queue.release([claim.lease]) == 0


STOPPED = """
import atexit, sys, types
import django
django.setup()
from diagnosis import tasks
atexit.register(print, "taken apart")
tasks.skip_teardown(types.SimpleNamespace(exitcode={code!r}))
print("stopped")
sys.exit({code!r})
"""


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        # Celery's word for a stop that was asked for
        (0, 0, ["stopped"]),
        (1, 1, ["stopped", "taken apart"]),
        ("NEVUS_DEVICE is cuda, but", 1, ["stopped", "taken apart"]),
    ],
)
def test_a_worker_that_has_stopped_well_is_not_taken_apart(
    code: int | str, status: int, said: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED.format(code=code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout.splitlines()) == (status, said), done.stderr
