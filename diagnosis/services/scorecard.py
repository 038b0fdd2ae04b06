"""How a model version does in practice: its readings against what doctors signed."""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Count
from django.utils import timezone

from diagnosis.models import DiagnosisRequest, ModelVersion, Status
from diagnosis.models.requests import DiagnosisRequestQuerySet
from diagnosis.services.shares import Share
from ml.taxonomy import BY_ANSWER

# beyond so many readings the scorecard is of the newest: a page does not grow with its hospital
DAYS, MOST_READ = 365, 2000


@dataclass(frozen=True)
class Scorecard:
    """``pairs`` counts signed readings by (the model's class, the doctor's)."""

    since: datetime.date
    read: int
    pairs: Counter[tuple[str, str]]

    @property
    def signed(self) -> int:
        return self.pairs.total()

    @property
    def agreement(self) -> Share:
        return Share(
            sum(n for (label, said), n in self.pairs.items() if label == said), self.signed
        )

    @property
    def sensitivity(self) -> Share:
        """Of what doctors concluded to be malignant, what the model called malignant."""
        return self._share(malignant=True)

    @property
    def specificity(self) -> Share:
        """Of what doctors concluded to be benign, what the model called benign."""
        return self._share(malignant=False)

    def _share(self, *, malignant: bool) -> Share:
        rows = [
            (BY_ANSWER[label].malignant, n)
            for (label, said), n in self.pairs.items()
            if BY_ANSWER[said].malignant is malignant
        ]
        return Share(sum(n for found, n in rows if found is malignant), sum(n for _f, n in rows))


def recent(
    model: ModelVersion, hospitals: Sequence[UUID]
) -> tuple[datetime.datetime, DiagnosisRequestQuerySet]:
    """What the model read at the hospitals, and since when: a year ago, or the oldest of the newest
    ``MOST_READ`` where a year has more. One query over the index of the report."""
    answered = DiagnosisRequest.objects.standing().filter(
        hospital__in=hospitals, model_version=model, status=Status.SUCCEEDED
    )
    since = timezone.now() - datetime.timedelta(days=DAYS)
    moments = answered.filter(created_at__gte=since).values_list("created_at", flat=True)
    for oldest in moments.order_by("-created_at")[MOST_READ - 1 : MOST_READ]:
        since = oldest
    return since, answered.filter(created_at__gte=since)


def scorecard(since: datetime.datetime, rows: DiagnosisRequestQuerySet) -> Scorecard:
    """Of what ``recent`` found; one query over the same index."""
    pairs: Counter[tuple[str, str]] = Counter()
    read = 0
    for label, said, n in (
        rows.order_by().values_list("label", "conclusion").annotate(n=Count("pk"))
    ):
        read += n
        if said:
            pairs[label, said] += n
    return Scorecard(timezone.localdate(since), read, pairs)
