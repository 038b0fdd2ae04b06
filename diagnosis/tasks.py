"""Celery's tasks. diagnosis.inference is imported inside them: the web process, which imports this
module to find the tasks, must never load torch."""

import logging
import threading

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown
from django.db import close_old_connections, connection

from diagnosis.models import ModelVersion
from diagnosis.services import queue, workers

logger = logging.getLogger(__name__)

# a bell is answered for at most this long, so that the worker's other tasks get their turn
DRAIN_SECONDS = 60.0
stopping = threading.Event()


@shared_task(name="diagnosis.read_queued")
def read_queued() -> None:
    """Answer the bell: read what is queued, and ring again where more waits."""
    from diagnosis.inference import get_reader

    if get_reader().drain(seconds=DRAIN_SECONDS):
        queue.ring_bell()


@shared_task(name="diagnosis.sweep")
def sweep() -> None:
    """Give back what lost workers owned, and ring for what waits."""
    queue.sweep()


@worker_ready.connect
def start_beating(sender, **_kwargs) -> None:
    """The worker says that it is there; one that reads loads its model before the first bell."""
    reads = "inference" in sender.app.amqp.queues.consume_from
    stopping.clear()
    threading.Thread(target=beat, args=(sender.hostname, reads), daemon=True).start()


@worker_shutdown.connect
def stop_beating(sender, **_kwargs) -> None:
    stopping.set()
    workers.leave(name=sender.hostname)


def beat(name: str, reads: bool) -> None:
    facts: dict[str, str] | None = None if reads else {}
    while True:
        try:
            facts = prepare_reader() if facts is None else facts
            workers.beat(name=name, reads=reads, **facts)
        # the database may be away for a moment; the worker is silent meanwhile, which is true
        except Exception:
            logger.exception("the worker could not say that it runs")
            close_old_connections()
        if stopping.wait(workers.BEAT_SECONDS):
            connection.close()
            return


def prepare_reader() -> dict[str, str]:
    """Load the active models and ring for what waited before this worker came."""
    from diagnosis.inference import describe_device, get_reader, warm_up

    active = ModelVersion.objects.filter(policies__isnull=False).distinct()
    facts = {"device": describe_device(), "problem": warm_up(get_reader(), list(active))}
    queue.ring_bell()
    return facts
