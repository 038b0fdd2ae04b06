"""What a hospital did over a period, as counts that charts and tables are drawn from.

Two grouped queries over the index of the report: what they cost grows with the period's rows alone.
"""

import datetime
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from django.db.models import Case, Count, F, IntegerField, Max, Min, Value, When
from django.db.models.functions import TruncDay, TruncMonth, TruncWeek
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clinic.periods import Period
from diagnosis.interpretation import Risk
from diagnosis.models import Status
from diagnosis.models.requests import DiagnosisRequestQuerySet
from diagnosis.services.reports import Totals, grouped, totals_of

HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
# from the answer to the first signature: the longest wait of each step; None has no end
WAITS: tuple[tuple[datetime.timedelta | None, object], ...] = (
    (HOUR, _("within 1 hour")),
    (4 * HOUR, _("within 4 hours")),
    (DAY, _("within 1 day")),
    (3 * DAY, _("within 3 days")),
    (7 * DAY, _("within 1 week")),
    (None, _("later")),
)
# how a span is divided: up to so many days, by what
STEPS = ((31, "day", TruncDay), (186, "week", TruncWeek), (None, "month", TruncMonth))
# a reading of each band, and orders without an answer
UNREAD = "unread"
BANDS = (Risk.HIGH.value, Risk.MEDIUM.value, Risk.LOW.value, UNREAD)


@dataclass
class Dashboard:
    """``volume`` maps the first day of each step to orders by band; ``pairs`` counts signed reviews
    by (the AI's class, the doctor's); ``waits`` counts them by the steps of ``WAITS``."""

    step: str = "month"
    volume: dict[datetime.date, Counter[str]] = field(default_factory=dict)
    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    waits: list[int] = field(default_factory=lambda: [0] * len(WAITS))

    @property
    def bands(self) -> Counter[str]:
        return sum(self.volume.values(), Counter())

    @property
    def agreement(self) -> list[tuple[str, int, int]]:
        """(the AI's class, signed, of these concluded the same), the most frequent class first."""
        signed: Counter[str] = Counter()
        for (label, _conclusion), n in self.pairs.items():
            signed[label] += n
        return [(label, n, self.pairs[label, label]) for label, n in signed.most_common()]

    @property
    def missed(self) -> list[tuple[str, str, int]]:
        """(the AI's class, the doctor's, how often) where they differ, the most frequent first."""
        return [
            (label, conclusion, n)
            for (label, conclusion), n in self.pairs.most_common()
            if label != conclusion
        ]


def dashboard(rows: DiagnosisRequestQuerySet, period: Period) -> tuple[Totals, Dashboard]:
    """The totals and the figures over all rows of the period; two queries, one more where the
    period is open."""
    rows = rows.order_by()
    found = Dashboard()
    found.step, trunc = step_of(span_of(rows, period))
    volume: dict[datetime.date, Counter[str]] = defaultdict(Counter)
    for group in rows.values("status", "risk", step=trunc("created_at")).annotate(n=Count("pk")):
        band = group["risk"] if group["status"] == Status.SUCCEEDED else UNREAD
        volume[group["step"].date()][band] += group["n"]
    found.volume = dict(sorted(volume.items()))
    groups = list(grouped(rows, wait=wait_step()))
    for pair in groups:
        if pair["conclusion"] and pair["status"] == Status.SUCCEEDED:
            found.pairs[pair["label"], pair["conclusion"]] += pair["n"]
            found.waits[pair["wait"]] += pair["n"]
    return totals_of(groups), found


def span_of(rows: DiagnosisRequestQuerySet, period: Period) -> datetime.timedelta:
    """How long the period is; where it is open, how far the rows reach."""
    if period.start is not None:
        return (period.end or timezone.localdate()) - period.start
    reach = rows.aggregate(first=Min("created_at"), last=Max("created_at"))
    return reach["last"] - reach["first"] if reach["first"] else datetime.timedelta()


def step_of(span: datetime.timedelta) -> tuple[str, type]:
    return next((name, trunc) for days, name, trunc in STEPS if days is None or span.days <= days)


def wait_step() -> Case:
    """The place in ``WAITS`` of the time from the answer to the first signature."""
    steps = [
        When(reviewed_at__lte=F("finished_at") + limit, then=Value(place))
        for place, (limit, _name) in enumerate(WAITS)
        if limit is not None
    ]
    return Case(*steps, default=Value(len(WAITS) - 1), output_field=IntegerField())
