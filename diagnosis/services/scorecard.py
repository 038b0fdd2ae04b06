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

DAYS = 365


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


def year_of(model: ModelVersion, hospitals: Sequence[UUID]) -> DiagnosisRequestQuerySet:
    """What the model read at the hospitals in the last year."""
    return DiagnosisRequest.objects.standing().filter(
        hospital__in=hospitals,
        created_at__gte=timezone.now() - datetime.timedelta(days=DAYS),
        model_version=model,
        status=Status.SUCCEEDED,
    )


def scorecard(rows: DiagnosisRequestQuerySet) -> Scorecard:
    """Of the readings of ``year_of``; one query over the index of the report."""
    since = timezone.now() - datetime.timedelta(days=DAYS)
    pairs: Counter[tuple[str, str]] = Counter()
    read = 0
    for label, said, n in (
        rows.order_by().values_list("label", "conclusion").annotate(n=Count("pk"))
    ):
        read += n
        if said:
            pairs[label, said] += n
    return Scorecard(timezone.localdate(since), read, pairs)
