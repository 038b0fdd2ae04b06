"""What waits for a doctor: the riskiest first, how much of it there is, and what is overdue."""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from diagnosis.interpretation import Risk
from diagnosis.models import Status
from diagnosis.models.requests import OPEN, UNANSWERED, DiagnosisRequestQuerySet
from diagnosis.models.settings import ALARM_HOURS
from diagnosis.services.settings import settings_in_force

RISKIEST_FIRST = ("-malignancy", "-severity", "created_at", "id")
NEWEST_FIRST = ("-created_at", "id")
# beyond this a count says "more than": counting on would read every row that waits
MOST_COUNTED = 1000


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


def counts(waiting: DiagnosisRequestQuerySet, late: Q) -> Counts:
    """``waiting`` are unsigned rows; five short queries over the index of the worklist."""
    return Counts(
        to_review=capped(waiting.filter(status=Status.SUCCEEDED)),
        high=capped(waiting.filter(status=Status.SUCCEEDED, risk=Risk.HIGH.value)),
        overdue=capped(waiting.filter(late)),
        open=capped(waiting.filter(status__in=OPEN)),
        failed=capped(waiting.filter(status__in=UNANSWERED)),
    )


def capped(rows: DiagnosisRequestQuerySet) -> int:
    return rows.order_by()[: MOST_COUNTED + 1].count()
