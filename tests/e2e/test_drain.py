"""A worker that gets SIGTERM under load loses nothing, repeats nothing, and keeps nobody waiting.

The lease and the sweep are longer than the test: whatever comes back was given back.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import psycopg2
import pytest

from clinic.models import Image
from clinic.services.images import read_stored
from diagnosis.demo.processes import Child
from diagnosis.models import DiagnosisRequest, ModelVersion, Prediction
from tests.e2e.clinic import make_clinic, new_lesion, wait_until
from tests.factories import DiagnosisRequestFactory, ImageFactory, LesionFactory, jpeg_bytes
from tests.support.api import ApiClient, multipart
from tests.support.pictures import photographs
from tests.support.stack import ROOT, Stack, WebServer, Worker

pytestmark = pytest.mark.timeout(240)
LONG = {"NEVUS_LEASE_SECONDS": "600", "NEVUS_SWEEP_SECONDS": "600"}


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    return make_clinic(stack)


@pytest.fixture(scope="module")
def model(stack: Stack, token: str) -> ModelVersion:
    with stack.orm():
        return ModelVersion.objects.get()


def order(stack: Stack, model: ModelVersion, count: int) -> None:
    """So many readings that wait, of small pictures."""
    with stack.orm():
        lesion = LesionFactory()
        for number in range(count):
            image = ImageFactory(lesion=lesion, content=jpeg_bytes(seed=number))
            DiagnosisRequestFactory(image=image, model_version=model)


def count(stack: Stack, **lookup: object) -> int:
    with stack.orm():
        return DiagnosisRequest.objects.filter(**lookup).count()


def terminate_in_the_middle(stack: Stack, worker: Worker) -> float:
    """SIGTERM while rows are claimed; the seconds until it has ended."""
    wait_until(lambda: count(stack, status="running") > 0, seconds=90)
    return seconds_to_stop(worker)


def seconds_to_stop(worker: Worker) -> float:
    started = time.monotonic()
    worker.send(signal.SIGTERM)
    wait_until(lambda: not worker.running, seconds=30)
    assert worker.returncode == 0
    return time.monotonic() - started


def assert_all_read_once(stack: Stack) -> None:
    with stack.orm():
        rows = DiagnosisRequest.objects.all()
        assert rows.exclude(status="succeeded").count() == 0
        assert Prediction.objects.count() == rows.count()
        # nothing was claimed a second time because somebody had been lost
        assert rows.filter(attempts__gt=1).count() == 0


def test_it_finishes_its_batch_and_others_take_the_rest(stack: Stack, model: ModelVersion) -> None:
    order(stack, model, 24)
    first = stack.start_worker(queues="inference", NEVUS_BATCH_SIZE="2", **LONG)
    seconds = terminate_in_the_middle(stack, first)
    assert seconds < 20
    assert count(stack, status="running") == 0
    assert 0 < count(stack, status="succeeded") < 24
    second = stack.start_worker(queues="inference", **LONG)
    wait_until(lambda: count(stack, status="succeeded") == 24, seconds=90)
    # it has nothing to do by now
    assert seconds_to_stop(second) < 3
    assert_all_read_once(stack)


def test_what_takes_longer_than_the_bound_is_read_by_another_at_once(
    stack: Stack, model: ModelVersion
) -> None:
    done = count(stack)
    order(stack, model, 40)
    options = {"NEVUS_BATCH_SIZE": "40", "NEVUS_DRAIN_SECONDS": "0.05"}
    first = stack.start_worker(queues="inference", **options, **LONG)
    assert terminate_in_the_middle(stack, first) < 15
    assert "requests were given back" in first.log.read_text()
    assert count(stack, status="running") == 0
    assert count(stack, status="succeeded") == done
    second = stack.start_worker(queues="inference", NEVUS_BATCH_SIZE="40", **LONG)
    wait_until(lambda: count(stack, status="queued") == 0, seconds=90)
    wait_until(lambda: count(stack, status="running") == 0, seconds=90)
    second.stop()
    assert_all_read_once(stack)


def test_what_a_broken_connection_interrupts_is_read_again_at_once(
    stack: Stack, model: ModelVersion
) -> None:
    order(stack, model, 24)
    total = count(stack)
    worker = stack.start_worker(queues="inference", NEVUS_BATCH_SIZE="4", **LONG)
    wait_until(lambda: count(stack, status="running") > 0, seconds=90)
    end_sessions(stack)
    wait_until(lambda: count(stack, status="succeeded") == total, seconds=60)
    assert "the database went away" in worker.log.read_text()
    worker.stop()
    assert_all_read_once(stack)


def end_sessions(stack: Stack) -> None:
    """What a restart or a failover of the database does to whoever is connected."""
    connection = psycopg2.connect(stack.postgres.url("postgres"))
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            [stack.database],
        )
    connection.close()


def test_two_beats_by_mistake_are_harmless(stack: Stack, model: ModelVersion) -> None:
    quick = {"NEVUS_SWEEP_SECONDS": "0.5", "NEVUS_LEASE_SECONDS": "600"}
    with ExitStack() as endings:
        for name in ("beat-1", "beat-2"):
            beat = start_beat(stack, name, **quick)
            endings.callback(beat.stop)
        worker = stack.start_worker(NEVUS_BATCH_SIZE="4", **quick)
        endings.callback(worker.stop)
        # their bells are the only ones: nothing else tells the worker
        order(stack, model, 8)
        total = count(stack)
        wait_until(lambda: count(stack, status="succeeded") == total, seconds=90)
        assert beat.running
        assert "Traceback" not in worker.log.read_text()
    assert_all_read_once(stack)


def start_beat(stack: Stack, name: str, **overrides: str) -> Child:
    folder = stack.folder / name
    folder.mkdir()
    beat = Child(
        name,
        [sys.executable, "-m", "celery", "-A", "config", "beat", "--pidfile="],
        log=folder / "log",
        cwd=ROOT,
        # as in a container of its own; pictures are nothing to beat
        env=stack.environment(**overrides | {"NEVUS_VAR": str(folder)}),
    )
    # the file that the health check of the container looks at
    beat.wait_until((folder / "beat.alive").exists, seconds=60)
    return beat


def test_an_upload_under_way_is_taken_in_though_the_web_server_stops(
    stack: Stack, token: str
) -> None:
    server = stack.start_web()
    lesion = new_lesion(ApiClient(server.url, token), "in-flight")
    body, media_type = multipart({"lesion": lesion}, name="a.jpg", content=photographs(1)[0])
    half = len(body) // 2
    link = begin_upload(server, token, media_type, body, half)
    # the first process alone, as in a container
    os.kill(server.pid, signal.SIGTERM)
    wait_until(lambda: "Handling signal: term" in server.log.read_text(), seconds=10)
    time.sleep(1)
    assert server.running
    link.send(body[half:])
    answer = link.getresponse()
    assert (answer.status, len(answer.read()) > 0) == (201, True)
    link.close()
    wait_until(lambda: not server.running, seconds=10)
    assert server.returncode == 0
    with stack.orm():
        image = Image.objects.get(lesion=lesion)
        assert len(read_stored(image)) == image.byte_size


def begin_upload(
    server: WebServer, token: str, media_type: str, body: bytes, count: int
) -> http.client.HTTPConnection:
    """Send so many bytes of it, and wait until the application waits for more."""
    address = urlsplit(server.url)
    link = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    link.putrequest("POST", "/api/v1/images/")
    link.putheader("Authorization", f"Bearer {token}")
    link.putheader("Content-Type", media_type)
    link.putheader("Content-Length", str(len(body)))
    link.endheaders(body[:count])
    time.sleep(1)
    return link


def test_a_full_volume_is_told_and_nothing_stays_half_stored(tmp_path: Path) -> None:
    """On a file system of 64 kilobytes."""
    done = subprocess.run(
        [*OWN_MOUNTS, sys.executable, "-c", ON_A_TINY_VOLUME, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("this machine lets nobody mount in a namespace")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "storage_unavailable: the volume of MEDIA_ROOT is full",
        "left: []",
    ]


OWN_MOUNTS = ["unshare", "--user", "--map-root-user", "--mount"]
ON_A_TINY_VOLUME = """
import os, subprocess, sys
from pathlib import Path

folder = Path(sys.argv[1])
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
os.environ["MEDIA_ROOT"] = str(folder / "media")
import django
django.setup()
from clinic import pictures
try:
    pictures.put("images/ab/abc.jpg", b"x" * 200_000)
except pictures.StorageError as error:
    print(f"{error.code}: {error.reason}")
print("left:", [path.name for path in folder.rglob("*") if path.is_file()])
"""
