"""NEVUS_CLAIM: workers for interactive orders and for bulk, side by side."""

import pytest
from celery import current_app

from diagnosis import tasks
from diagnosis.models import DiagnosisRequest, Priority
from diagnosis.services import queue
from diagnosis.services.queue import claim_batch
from tests.factories import DiagnosisRequestFactory, ModelVersionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting() -> dict[str, DiagnosisRequest]:
    model = ModelVersionFactory()
    return {
        priority.name.lower(): DiagnosisRequestFactory(priority=priority, model_version=model)
        for priority in (Priority.BULK, Priority.INTERACTIVE)
    }


@pytest.mark.parametrize(
    ("setting", "claimed"),
    [
        ("all", ["interactive", "bulk"]),
        ("interactive", ["interactive"]),
        ("bulk", ["bulk"]),
    ],
)
def test_a_worker_claims_what_it_is_for(settings, waiting, setting: str, claimed: list) -> None:
    settings.NEVUS_CLAIM = setting
    found = claim_batch(limit=16)
    assert [row.pk for row in found.requests] == [waiting[name].pk for name in claimed]


@pytest.mark.parametrize("setting", ["interactive", "bulk"])
def test_it_leaves_the_rest(settings, setting: str) -> None:
    other = Priority.BULK if setting == "interactive" else Priority.INTERACTIVE
    DiagnosisRequestFactory(priority=other)
    settings.NEVUS_CLAIM = setting
    assert claim_batch(limit=16) is None


@pytest.fixture
def bells(monkeypatch) -> list[tuple[str, float | None]]:
    """Queue and lifetime of each message, as they reach the broker."""
    rung: list[tuple[str, float | None]] = []

    def note(_name: str, *, queue: str, expires: float | None = None) -> None:
        rung.append((queue, expires))

    monkeypatch.setattr(current_app, "send_task", note)
    return rung


@pytest.mark.parametrize("setting", ["all", "interactive"])
def test_an_order_rings_where_everybody_listens(settings, bells, waiting, setting: str) -> None:
    settings.NEVUS_CLAIM = setting
    assert queue.ring_bell()
    assert not queue.ring_own_bell()
    assert bells == [("inference", None)]


def test_a_bulk_worker_rings_for_itself_while_something_waits(settings, bells) -> None:
    settings.NEVUS_CLAIM = "bulk"
    DiagnosisRequestFactory(priority=Priority.INTERACTIVE)
    assert not queue.ring_own_bell()
    assert bells == []
    DiagnosisRequestFactory(priority=Priority.BULK)
    assert queue.ring_own_bell()
    assert bells == [("bulk", queue.OWN_BELL_SECONDS)]


@pytest.mark.parametrize(
    ("queues", "reads"),
    [({"inference", "default"}, True), ({"bulk"}, True), ({"default"}, False)],
)
def test_who_reads_is_told_by_the_queues(queues: set[str], reads: bool) -> None:
    class App:
        class amqp:  # noqa: N801 - as Celery names it
            class queues:  # noqa: N801
                consume_from = dict.fromkeys(queues)

    assert tasks.reads_images(App) is reads


def test_two_sweeps_give_back_once() -> None:
    """Two beats by mistake."""
    request = DiagnosisRequestFactory(running=True)
    DiagnosisRequest.objects.filter(pk=request.pk).update(lease_expires_at="2026-01-01T00:00Z")
    assert (queue.sweep(), queue.sweep()) == (1, 0)
    request.refresh_from_db()
    assert (request.status, request.attempts) == ("queued", request.attempts)
