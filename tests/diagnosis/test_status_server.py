"""What a worker's probes say, and a worker that lacks what it was promised."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from unittest import mock

import pytest
import torch
from django.core.exceptions import ImproperlyConfigured

from diagnosis import pulse, status_server, tasks
from diagnosis.demo.processes import free_port
from diagnosis.inference import require_device


class Sender:
    """As Celery describes a worker that answers the inference queue."""

    class app:  # noqa: N801 - Celery's names
        class amqp:  # noqa: N801
            class queues:  # noqa: N801
                consume_from = {"inference": None}


Ask = Callable[..., tuple[int, str]]


@pytest.fixture(autouse=True)
def fresh(monkeypatch) -> None:
    monkeypatch.setattr(pulse, "state", pulse.State())


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    number = free_port()
    server = status_server.serve(number)
    yield number
    server.shutdown()
    server.server_close()


@pytest.fixture
def ask(port: int) -> Ask:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(path: str, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
        try:
            with opener.open(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    return get


def reason(answer: tuple[int, str]) -> str:
    assert answer[0] == 503
    return json.loads(answer[1])["reason"]


def test_while_models_are_loaded_it_lives_and_has_not_started(ask: Ask) -> None:
    assert ask("/healthz/live/")[0] == 200
    assert reason(ask("/healthz/started/")) == "the models are being loaded"
    assert reason(ask("/healthz/ready/")) == "the models are being loaded"


def test_it_is_ready_when_the_database_has_heard_of_it(ask: Ask, monkeypatch) -> None:
    pulse.prepared()
    assert ask("/healthz/started/")[0] == 200
    assert "has not heard" in reason(ask("/healthz/ready/"))
    pulse.heard()
    assert ask("/healthz/ready/")[0] == 200
    pulse.state.heard_at -= pulse.SILENT_SECONDS + 1
    assert "has not heard" in reason(ask("/healthz/ready/"))
    # a restart would not bring the database back
    assert ask("/healthz/live/")[0] == 200


def test_without_its_model_it_says_which(ask: Ask) -> None:
    pulse.prepared("The checkpoint of starter 1.0.0 is missing.")
    pulse.heard()
    assert ask("/healthz/started/")[0] == 200
    assert reason(ask("/healthz/ready/")) == "The checkpoint of starter 1.0.0 is missing."


def test_a_batch_that_hangs_asks_for_a_restart(ask: Ask) -> None:
    pulse.prepared()
    pulse.heard()
    with pulse.working():
        assert ask("/healthz/live/")[0] == 200
        (batch,) = pulse.state.batches
        pulse.state.batches[batch] -= pulse.STUCK_SECONDS + 1
        # another lane goes on meanwhile
        with pulse.working():
            pass
        assert "for more than 900 seconds" in reason(ask("/healthz/live/"))
        assert ask("/healthz/ready/")[0] == 503
    assert ask("/healthz/live/")[0] == 200


def test_metrics_are_for_the_holder_of_the_token(ask: Ask, settings, monkeypatch) -> None:
    monkeypatch.setattr(status_server, "exposition", lambda: b"nevus_database_up 1\n")
    assert ask("/metrics") == (200, "nevus_database_up 1\n")
    settings.NEVUS_METRICS_TOKEN = "a-token-of-this-test"
    assert ask("/metrics")[0] == 401
    assert ask("/metrics", Authorization="Bearer other")[0] == 401
    assert ask("/metrics", Authorization="Bearer a-token-of-this-test")[0] == 200
    # probes carry no token
    assert ask("/healthz/live/")[0] == 200


def test_anything_else_is_not_there(ask: Ask) -> None:
    assert ask("/")[0] == 404
    assert ask("/healthz/live")[0] == 404


@pytest.mark.parametrize("name", ["cuda", "cuda:1"])
def test_a_gpu_that_is_asked_for_and_not_there(settings, name: str) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    settings.NEVUS_DEVICE = name
    with pytest.raises(ImproperlyConfigured, match=f"^NEVUS_DEVICE is {name}, but no GPU"):
        require_device()
    # Celery would log any other exception and go on without the device
    with pytest.raises(SystemExit, match=r"^NEVUS_DEVICE is "):
        tasks.check_device(Sender)
    for harmless in ("", "cpu"):
        settings.NEVUS_DEVICE = harmless
        require_device()


def test_a_worker_that_reads_keeps_the_memory_of_a_batch() -> None:
    with mock.patch("diagnosis.inference.keep_memory") as keep:
        tasks.check_device(Sender)
    assert keep.call_count == 1
