"""Workers say that they are there, and answer the bell."""

import datetime
import threading
from types import SimpleNamespace
from unittest import mock

import pytest
from celery import current_app
from django.conf import settings as django_settings
from django.utils import timezone

from diagnosis import inference, tasks
from diagnosis.models import DiagnosisRequest, Status, Worker
from diagnosis.services import queue, workers
from diagnosis.services.workers import FORGOTTEN, SILENT, beat, leave, readers_alive
from tests.factories import DiagnosisRequestFactory, ModelPolicyFactory, ModelVersionFactory

pytestmark = pytest.mark.django_db


def heard(name: str, ago: datetime.timedelta) -> None:
    Worker.objects.filter(name=name).update(seen_at=timezone.now() - ago)


def test_a_worker_is_one_row() -> None:
    beat(name="a", reads=True, device="cpu")
    started = Worker.objects.get().started_at
    beat(name="a", reads=True, device="cpu", problem="no model")
    worker = Worker.objects.get()
    assert (worker.device, worker.problem, worker.started_at) == ("cpu", "no model", started)
    assert worker.seen_at >= started


def test_readers_are_alive_while_they_are_heard() -> None:
    assert not readers_alive()
    beat(name="web", reads=False)
    assert not readers_alive()
    beat(name="gpu", reads=True)
    assert readers_alive()
    second = datetime.timedelta(seconds=1)
    heard("gpu", SILENT - second)
    assert readers_alive()
    heard("gpu", SILENT + second)
    assert not readers_alive()
    # a beat is due several times before a worker counts as silent
    assert SILENT.total_seconds() > workers.BEAT_SECONDS * 2


def test_who_leaves_is_gone_and_who_is_long_silent_is_forgotten() -> None:
    for name in ("a", "b", "c"):
        beat(name=name, reads=True)
    leave(name="a")
    leave(name="a")
    heard("b", FORGOTTEN + datetime.timedelta(minutes=1))
    heard("c", FORGOTTEN - datetime.timedelta(minutes=1))
    beat(name="d", reads=True)
    assert set(Worker.objects.values_list("name", flat=True)) == {"c", "d"}


# Tasks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [True, False])
def test_the_bell_is_rung_again_where_more_waits(more: bool) -> None:
    reader = mock.Mock()
    reader.drain.return_value = more
    with (
        mock.patch.object(inference, "get_reader", return_value=reader),
        mock.patch.object(queue, "ring_bell") as bell,
    ):
        tasks.read_queued()
    reader.drain.assert_called_once_with(seconds=tasks.DRAIN_SECONDS)
    assert bell.called is more


def test_the_sweep_gives_rows_back() -> None:
    past = timezone.now() - datetime.timedelta(seconds=1)
    DiagnosisRequestFactory(running=True, lease_expires_at=past)
    tasks.sweep()
    assert DiagnosisRequest.objects.get().status == Status.QUEUED


def test_the_tasks_are_known_and_go_where_readers_listen() -> None:
    current_app.loader.import_default_modules()
    assert {"diagnosis.read_queued", "diagnosis.sweep"} <= set(current_app.tasks)
    routes = django_settings.CELERY_TASK_ROUTES
    assert routes["diagnosis.read_queued"] == {"queue": "inference"}
    for entry in django_settings.CELERY_BEAT_SCHEDULE.values():
        assert entry["task"] in current_app.tasks


# The thread that beats ----------------------------------------------------------------------------


@pytest.fixture
def beating(monkeypatch):
    """Runs the thread's function here for so many beats; yields what was said."""
    said: list[dict] = []
    stopping = threading.Event()
    monkeypatch.setattr(tasks, "stopping", stopping)
    monkeypatch.setattr(workers, "BEAT_SECONDS", 0.0)
    # the connection is the test's own
    monkeypatch.setattr(tasks, "connection", mock.Mock())
    monkeypatch.setattr(tasks, "close_old_connections", mock.Mock())

    def run(*, reads: bool, beats: int, failing: int = 0) -> list[dict]:
        left = [failing]

        def say(**facts: object) -> None:
            if left[0]:
                left[0] -= 1
                raise ConnectionError("the database is away")
            said.append(facts)
            if len(said) >= beats:
                stopping.set()

        monkeypatch.setattr(workers, "beat", say)
        tasks.beat("w", reads)
        return said

    return run


def test_a_worker_beats_until_it_stops(beating) -> None:
    assert beating(reads=False, beats=3) == [{"name": "w", "reads": False}] * 3


def test_a_beat_that_fails_is_not_the_last(beating) -> None:
    assert len(beating(reads=False, beats=2, failing=3)) == 2


def test_a_reader_loads_its_models_once_and_rings_for_what_waited(beating) -> None:
    model = ModelPolicyFactory().model_version
    ModelVersionFactory()
    reader = mock.MagicMock()
    with (
        mock.patch.object(inference, "get_reader", return_value=reader),
        mock.patch.object(queue, "ring_bell") as bell,
    ):
        said = beating(reads=True, beats=3)
    # only the active one
    reader.predictor.assert_called_once_with(model)
    assert bell.call_count == 1
    assert {facts["device"] for facts in said} == {inference.describe_device()}


def test_a_reader_that_starts_before_the_database_tries_again(beating, monkeypatch) -> None:
    outcomes = [ConnectionError("the database is away"), {"device": "cpu", "problem": ""}]
    prepare = mock.Mock(side_effect=outcomes)
    monkeypatch.setattr(tasks, "prepare_reader", prepare)
    said = beating(reads=True, beats=2)
    assert said == [{"name": "w", "reads": True, "device": "cpu", "problem": ""}] * 2
    assert prepare.call_count == 2


@pytest.mark.parametrize(("queues", "reads"), [({"inference"}, True), ({"default"}, False)])
def test_only_a_worker_of_the_inference_queue_reads(queues: set[str], reads: bool) -> None:
    app = SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from=queues)))
    with mock.patch.object(threading, "Thread") as thread:
        tasks.start_beating(SimpleNamespace(app=app, hostname="w"))
    assert thread.call_args.kwargs["args"] == ("w", reads)
    beat(name="w", reads=reads)
    tasks.stop_beating(SimpleNamespace(hostname="w"))
    assert tasks.stopping.is_set()
    assert not Worker.objects.exists()


def test_a_reader_without_any_model_says_what_to_do(caplog) -> None:
    ModelVersionFactory()
    with mock.patch.object(queue, "ring_bell"):
        tasks.prepare_reader()
    assert "No model is active at any hospital" in caplog.text
    assert "register_model FOLDER --activate" in caplog.text
