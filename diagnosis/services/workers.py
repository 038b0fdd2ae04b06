"""Workers say that they are there; readiness and the queue page ask."""

import datetime

from django.db.models import QuerySet
from django.utils import timezone

from diagnosis.models import Worker

BEAT_SECONDS = 5.0
# three missed beats
SILENT = datetime.timedelta(seconds=3 * BEAT_SECONDS)
FORGOTTEN = datetime.timedelta(days=1)


def beat(*, name: str, reads: bool, device: str = "", problem: str = "") -> None:
    """Note that the worker runs; forgets workers that have been silent for a day."""
    now = timezone.now()
    facts = {"reads": reads, "device": device, "problem": problem, "seen_at": now}
    Worker.objects.update_or_create(
        name=name, defaults=facts, create_defaults=facts | {"started_at": now}
    )
    Worker.objects.filter(seen_at__lt=now - FORGOTTEN).delete()


def leave(*, name: str) -> None:
    Worker.objects.filter(name=name).delete()


def alive() -> QuerySet[Worker]:
    """The workers that were heard of lately."""
    return Worker.objects.filter(seen_at__gte=timezone.now() - SILENT)


def readers_alive() -> bool:
    """Whether a worker that reads images was heard of lately."""
    return alive().filter(reads=True).exists()
