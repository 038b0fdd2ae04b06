"""The hospital report: rows over many requests, and their totals."""

import datetime
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, Sum
from django.utils.translation import gettext as _

from clinic.errors import FieldError
from clinic.models import Hospital, User
from clinic.periods import Period
from diagnosis.models import DiagnosisRequest, Status
from diagnosis.models.requests import DiagnosisRequestQuerySet
from ml.taxonomy import BY_ANSWER

ORDERING = ("-created_at", "id")
ALWAYS = Period()


@dataclass(frozen=True)
class Totals:
    """``labels`` counts readings by the model's class, ``agreed`` signed reviews that conclude
    the same class; ``seconds`` is the mean time from order to answer, None without answers."""

    requests: int
    by_status: dict[str, int]
    labels: dict[str, int]
    reviewed: int
    agreed: int
    seconds: float | None


def hospital_report(
    *,
    actor: User,
    hospital: Hospital | None = None,
    period: Period = ALWAYS,
    label: str = "",
    risk: str = "",
    reviewed: bool | None = None,
    entered_in_error: bool = False,
) -> DiagnosisRequestQuerySet:
    """The rows of the report, newest first: what the actor may see, filtered. Not yet evaluated.

    With ``entered_in_error`` instead those that no report counts.
    """
    rows = DiagnosisRequest.objects.visible_to(actor).in_error(entered_in_error)
    rows = rows.filter(period.as_filter("created_at"))
    if hospital is not None:
        rows = rows.filter(hospital=hospital)
    if label:
        if label not in BY_ANSWER:
            raise FieldError("unknown_label", _("There is no such class."), field="label")
        rows = rows.filter(label=label)
    if risk:
        rows = rows.filter(risk=risk)
    if reviewed is not None:
        rows = rows.exclude(conclusion="") if reviewed else rows.filter(conclusion="")
    return rows.order_by(*ORDERING)


def totals(rows: DiagnosisRequestQuerySet) -> Totals:
    """The figures over all rows, in one query that a database reads from one index."""
    return totals_of(grouped(rows))


def grouped(rows: DiagnosisRequestQuerySet, **by: Any) -> Any:
    """Counts by state, class, conclusion and what ``by`` names, with the time to the answers."""
    groups = rows.order_by().values("status", "label", "conclusion", **by)
    return groups.annotate(n=Count("pk"), time=Sum(F("finished_at") - F("created_at")))


def totals_of(groups: Iterable[dict[str, Any]]) -> Totals:
    states: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    reviewed = agreed = 0
    time = datetime.timedelta()
    for group in groups:
        n, label, conclusion = group["n"], group["label"], group["conclusion"]
        states[group["status"]] += n
        reviewed += n if conclusion else 0
        # what was never read has neither class nor conclusion of a model to agree with
        agreed += n if conclusion and conclusion == label else 0
        if group["status"] == Status.SUCCEEDED:
            labels[label] += n
            time += group["time"]
    read = states.get(Status.SUCCEEDED, 0)
    return Totals(
        requests=sum(states.values()),
        by_status=dict(states),
        labels=dict(labels),
        reviewed=reviewed,
        agreed=agreed,
        seconds=time.total_seconds() / read if read else None,
    )
