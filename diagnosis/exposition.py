"""The text that Prometheus reads.

Counters of all processes that share PROMETHEUS_MULTIPROC_DIR are added up; what the database knows
(the queue, the workers) is asked for at each scrape, with queries that an index answers.
"""

import logging
from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from diagnosis.models import DiagnosisRequest, Priority, Status
from diagnosis.services.workers import alive

logger = logging.getLogger(__name__)


def exposition() -> bytes:
    """Every figure of this place, in Prometheus' text format."""
    database = CollectorRegistry()
    database.register(DatabaseCollector())
    return generate_latest(counted()) + generate_latest(database)


def counted() -> CollectorRegistry:
    """What the processes of this place counted; only this one where they share no folder."""
    if not settings.METRICS_SHARED:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(settings.METRICS_DIR))
    return registry


class DatabaseCollector(Collector):
    """The queue and the workers. Where the database is away, it says only that."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            found = [queue_depth(), queue_age(), running(), workers_alive()]
        except (DatabaseError, InterfaceError) as error:
            logger.error("no figures of the queue: %s", type(error).__name__)
            found = []
        yield GaugeMetricFamily(
            "nevus_database_up", "Whether the database answered this scrape.", bool(found)
        )
        yield from found


def queue_depth() -> GaugeMetricFamily:
    family = GaugeMetricFamily("nevus_queue_depth", "Requests that wait.", labels=["priority"])
    found = dict(waiting().values_list("priority").annotate(depth=Count("*")))
    for priority in Priority:
        family.add_metric([priority.name.lower()], found.get(priority, 0))
    return family


def queue_age() -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "nevus_queue_oldest_seconds", "How long the oldest has waited.", labels=["priority"]
    )
    now = timezone.now()
    for priority in Priority:
        oldest = waiting().filter(priority=priority).aggregate(at=Min("created_at"))["at"]
        seconds = max(0.0, (now - oldest).total_seconds()) if oldest else 0.0
        family.add_metric([priority.name.lower()], seconds)
    return family


def waiting():
    # without the order of the queue: it would be part of the grouping
    return DiagnosisRequest.objects.waiting().order_by()


def running() -> GaugeMetricFamily:
    count = DiagnosisRequest.objects.filter(status=Status.RUNNING).count()
    return GaugeMetricFamily("nevus_requests_running", "Requests that a worker reads now.", count)


def workers_alive() -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "nevus_workers_alive", "Workers heard of lately, by what they can do.", labels=["state"]
    )
    found = list(alive())
    readers = [worker for worker in found if worker.reads]
    broken = sum(bool(worker.problem) for worker in readers)
    for state, count in (
        ("reading", len(readers) - broken),
        ("without_model", broken),
        ("other", len(found) - len(readers)),
    ):
        family.add_metric([state], count)
    return family
