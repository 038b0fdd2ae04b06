"""Celery's tasks. diagnosis.inference is imported inside them: the web process, which imports this
module to find the tasks, must never load torch."""

import atexit
import logging
import os
import sys
import threading

from celery import shared_task
from celery.signals import worker_init, worker_ready, worker_shutdown, worker_shutting_down
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import close_old_connections, connection

from diagnosis import pulse, status_server
from diagnosis.models import ModelVersion
from diagnosis.services import queue, workers

logger = logging.getLogger(__name__)

# a bell is answered for at most this long, so that the worker's other tasks get their turn
DRAIN_SECONDS = 60.0
stopping = threading.Event()
# set in a worker that reads
reading = threading.Event()


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


@worker_init.connect
def check_device(sender, **_kwargs) -> None:
    """A worker without the device that it was promised stops here and says so."""
    if reads_images(sender.app):
        from diagnosis.inference import keep_memory, require_device

        keep_memory()
        try:
            require_device()
        except ImproperlyConfigured as error:
            # Celery logs whatever else a signal raises, and goes on
            raise SystemExit(str(error)) from error


@worker_init.connect
def answer_probes(**_kwargs) -> None:
    port = settings.NEVUS_METRICS_PORT
    if not port:
        return
    try:
        status_server.serve(port)
    except OSError as error:
        raise SystemExit(f"NEVUS_METRICS_PORT is {port}: {error.strerror}.") from error


def reads_images(app) -> bool:
    return bool({"inference", "bulk"} & set(app.amqp.queues.consume_from))


@worker_ready.connect
def start_beating(sender, **_kwargs) -> None:
    """The worker says that it is there; one that reads loads its model before the first bell."""
    reads = reads_images(sender.app)
    stopping.clear()
    if reads:
        reading.set()
    threading.Thread(target=beat, args=(sender.hostname, reads), daemon=True).start()


@worker_shutting_down.connect
def begin_stop(sender, how, **_kwargs) -> None:
    """SIGTERM: finish the batch or give it back. In a thread, because this is a signal handler."""
    if how == "Warm" and reading.is_set():
        threading.Thread(target=finish_or_leave, args=(sender,), daemon=True).start()


def finish_or_leave(name: str) -> None:
    """Let Celery end the worker where the batch is finished in time; end it here where it is not:
    nothing can interrupt a model that computes, and its rows are another worker's by then."""
    from diagnosis.inference import get_reader

    if get_reader().stop(seconds=settings.NEVUS_DRAIN_SECONDS):
        return
    workers.leave(name=name)
    queue.ring_bell()
    end_at_once()


@worker_shutdown.connect
def stop_beating(sender, **_kwargs) -> None:
    stopping.set()
    workers.leave(name=sender.hostname)


@worker_shutdown.connect
def skip_teardown(sender, **_kwargs) -> None:
    """Python takes torch apart module by module, for seconds on a busy machine; nothing of it is
    needed after a stop that went well. One that failed ends as Celery wants it to."""
    if sender.exitcode == 0:
        atexit.register(end_at_once)


def end_at_once() -> None:
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def beat(name: str, reads: bool) -> None:
    facts: dict[str, str] | None = None if reads else {}
    while True:
        try:
            facts = prepare_reader() if facts is None else facts
            pulse.prepared(facts.get("problem", ""))
            workers.beat(name=name, reads=reads, **facts)
            pulse.heard()
            queue.ring_own_bell()
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
    if not active:
        logger.warning(
            "No model is active at any hospital: manage.py register_model FOLDER --activate."
        )
    facts = {"device": describe_device(), "problem": warm_up(get_reader(), list(active))}
    queue.ring_bell()
    return facts
