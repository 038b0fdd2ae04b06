"""No accepted upload is lost or answered twice, whatever single part is killed.

NEVUS_FAULT_IMAGES=200 runs the large form; the small one is part of every test run.
"""

import os
import signal
import time

import pytest

from diagnosis.services.queue import MAXIMUM_ATTEMPTS
from tests.e2e.clinic import make_clinic, new_lesion, upload, wait_until
from tests.support.api import ApiClient
from tests.support.pictures import photographs
from tests.support.stack import Stack, Worker

IMAGES = int(os.environ.get("NEVUS_FAULT_IMAGES", "40"))
PATIENCE_SECONDS = 120 + IMAGES
QUICK = {
    "NEVUS_LEASE_SECONDS": "3",
    "NEVUS_SWEEP_SECONDS": "1",
    "NEVUS_BATCH_SIZE": "4",
}

pytestmark = pytest.mark.timeout(PATIENCE_SECONDS + 180)


@pytest.fixture(scope="module")
def api(stack: Stack) -> ApiClient:
    token = make_clinic(stack)
    server = stack.start_web(**QUICK)
    return ApiClient(server.url, token)


def count(stack: Stack, **lookup: object) -> int:
    from diagnosis.models import DiagnosisRequest

    with stack.orm():
        return DiagnosisRequest.objects.filter(**lookup).count()


def test_every_upload_is_read_once_though_workers_and_redis_die(
    stack: Stack, api: ApiClient
) -> None:
    pictures = photographs(IMAGES)
    third = IMAGES // 3
    lesion = new_lesion(api, "faults")
    beat = stack.start_worker(queues="default", beat=True, **QUICK)
    accepted = []
    for part in (pictures[:third], pictures[third : 2 * third]):
        worker = start_paused_worker(stack)
        accepted += [upload(api, lesion, content) for content in part]
        kill_in_the_middle_of_a_batch(stack, worker)
    worker = start_paused_worker(stack)
    stack.redis.stop()
    accepted += [upload(api, lesion, content) for content in pictures[2 * third :]]
    stack.redis.start()
    kill_in_the_middle_of_a_batch(stack, worker)
    worker = stack.start_worker(queues="inference", **QUICK)
    wait_until(lambda: count(stack, status="succeeded") == IMAGES, seconds=PATIENCE_SECONDS)
    beat.stop()
    worker.stop()
    assert_each_has_one_prediction(stack, accepted)


def start_paused_worker(stack: Stack) -> Worker:
    """A worker that is ready and stopped: it would read faster than a slow machine uploads."""
    worker = stack.start_worker(queues="inference", **QUICK)
    os.kill(worker.pid, signal.SIGSTOP)
    return worker


def kill_in_the_middle_of_a_batch(stack: Stack, worker: Worker) -> None:
    """SIGKILL of a paused worker while rows are claimed, none of them for the last time: what three
    workers died of has failed for good. It stands still while it is looked at."""

    def is_caught() -> bool:
        os.kill(worker.pid, signal.SIGCONT)
        time.sleep(0.2)
        os.kill(worker.pid, signal.SIGSTOP)
        last = count(stack, status="running", attempts=MAXIMUM_ATTEMPTS)
        return not last and count(stack, status="running") > 0

    wait_until(is_caught, seconds=90)
    worker.kill()


def assert_each_has_one_prediction(stack: Stack, accepted: list[str]) -> None:
    from diagnosis.models import DiagnosisRequest, Prediction

    with stack.orm():
        answered = DiagnosisRequest.objects.filter(pk__in=accepted, prediction__isnull=False)
        assert answered.count() == len(accepted)
        assert Prediction.objects.count() == len(accepted)
        assert answered.filter(attempts__gt=1).exists(), "no kill hit a claimed row"


def test_upload_succeeds_while_redis_is_down_and_is_read_afterwards(
    stack: Stack, api: ApiClient
) -> None:
    beat = stack.start_worker(beat=True, **QUICK)
    before = count(stack, status="succeeded")
    stack.redis.stop()
    started = time.monotonic()
    upload(api, new_lesion(api, "redis-down"), photographs(IMAGES + 1)[-1])
    assert time.monotonic() - started < 10
    assert count(stack, status="queued") == 1
    stack.redis.start()
    wait_until(lambda: count(stack, status="succeeded") == before + 1, seconds=90)
    beat.stop()
