"""What waits for a doctor: the riskiest first, how much of it there is, and what is overdue."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count, Q
from django.utils import timezone

from clinic.models import User
from diagnosis.interpretation import Risk
from diagnosis.models import DiagnosisRequest, Status
from diagnosis.models.requests import OPEN, UNANSWERED, UNREAD, DiagnosisRequestQuerySet
from diagnosis.models.settings import ALARM_HOURS
from diagnosis.services.settings import settings_in_force

RISKIEST_FIRST = ("-malignancy", "-severity", "created_at", "id")
NEWEST_FIRST = ("-created_at", "id")
# beyond this a count says "more than"; so many of the riskiest rows are looked at to count them
MOST_COUNTED, MOST_READ = 1000, 5000


@dataclass(frozen=True)
class Counts:
    """How many rows wait, each at most ``MOST_COUNTED`` + 1."""

    to_review: int
    high: int
    overdue: int
    open: int
    failed: int


def overdue(hospitals: Collection[UUID]) -> Q:
    """High-risk readings that have waited longer than their hospital allows; one query."""
    hours = {pk: row.alarm_hours for pk, row in settings_in_force(hospitals).items()}
    by_hours: dict[int, list[UUID]] = {}
    for hospital in hospitals:
        by_hours.setdefault(hours.get(hospital, ALARM_HOURS), []).append(hospital)
    now = timezone.now()
    # matches nothing, so that nobody's list has no alarm
    found = Q(pk__in=[])
    for limit, members in by_hours.items():
        before = now - datetime.timedelta(hours=limit)
        found |= Q(hospital__in=members, finished_at__lt=before)
    return Q(status=Status.SUCCEEDED, risk=Risk.HIGH.value) & found


def next_to_review(user: User, hospital: UUID) -> UUID | None:
    """The riskiest reading of the hospital that waits for a doctor; the first row of an index."""
    rows = DiagnosisRequest.objects.visible_to(user).standing().filter(hospital=hospital)
    answered = rows.unsigned().filter(status=Status.SUCCEEDED).order_by(*RISKIEST_FIRST)
    return answered.values_list("pk", flat=True).first()


def counts(waiting: DiagnosisRequestQuerySet, late: Q) -> Counts:
    """``waiting`` are unsigned rows. Two queries, each over a range of the worklist's index: of the
    riskiest that were read, and of those without a reading."""
    read = waiting.filter(malignancy__gt=UNREAD).order_by(*RISKIEST_FIRST)[:MOST_READ]
    rest = waiting.filter(malignancy=UNREAD).order_by(*RISKIEST_FIRST)[: MOST_COUNTED + 1]
    high = Q(risk=Risk.HIGH.value)
    found = read.aggregate(
        to_review=Count("pk"), high=Count("pk", filter=high), overdue=Count("pk", filter=late)
    ) | rest.aggregate(
        open=Count("pk", filter=Q(status__in=OPEN)),
        failed=Count("pk", filter=Q(status__in=UNANSWERED)),
    )
    return Counts(**{name: min(count, MOST_COUNTED + 1) for name, count in found.items()})
