"""The charts of the hospital report, and the tables behind them."""

import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from diagnosis.charts import Column, Columns, columns
from diagnosis.interpretation import RISK_NAMES, label_name
from diagnosis.services.confirmed import AI, DOCTOR, Confirmed
from diagnosis.services.dashboard import BANDS, UNREAD, WAITS, Dashboard
from diagnosis.services.reports import Totals
from diagnosis.services.shares import Share
from ml.taxonomy import BY_ANSWER

MOST_MISSED = 6
BAND_NAMES = {risk.value: name for risk, name in RISK_NAMES.items()} | {
    UNREAD: gettext_lazy("Without an answer")
}
STEP_NAMES = {
    "day": gettext_lazy("Day"),
    "week": gettext_lazy("Week from"),
    "month": gettext_lazy("Month"),
}
# the riskiest part stands on the floor, where the parts of neighbours are compared
Table = tuple[list[str], list[list[Any]]]


def volume(found: Dashboard) -> Columns:
    """Orders of each step, stacked by risk."""
    return columns(
        [
            Column(
                step_words(found.step, first),
                [(band, str(BAND_NAMES[band]), counts[band]) for band in BANDS],
            )
            for first, counts in found.volume.items()
        ]
    )


def volume_table(found: Dashboard) -> Table:
    head = [str(STEP_NAMES[found.step]), *(str(BAND_NAMES[band]) for band in BANDS), _("Orders")]
    rows = [
        [date_words(found.step, first), *(counts[band] for band in BANDS), counts.total()]
        for first, counts in found.volume.items()
    ]
    return head, rows


def waits(found: Dashboard) -> Columns:
    return columns(
        [
            Column(str(name), [("plain", str(name), count)])
            for (_limit, name), count in zip(WAITS, found.waits, strict=True)
        ]
    )


def waits_table(found: Dashboard) -> Table:
    signed = sum(found.waits)
    rows = [
        [str(name), count, count / signed if signed else None]
        for (_limit, name), count in zip(WAITS, found.waits, strict=True)
    ]
    return [_("From the answer to the signature"), pgettext("how many", "Signed"), _("Share")], rows


def classes(figures: Totals) -> list[dict[str, Any]]:
    """What was read, the most frequent class first, with its share for the bar."""
    read = sum(figures.labels.values())
    counts = sorted(figures.labels.items(), key=lambda item: -item[1])
    return [
        {
            "label": label,
            "name": label_name(label),
            "count": count,
            "share": count / read,
            "malignant": BY_ANSWER[label].malignant,
        }
        for label, count in counts
    ]


def missed(found: Dashboard) -> list[tuple[str, str, int]]:
    """The pairs of classes in which AI and doctor differ most often, and how often."""
    return [
        (label_name(label), label_name(conclusion), count)
        for label, conclusion, count in found.missed[:MOST_MISSED]
    ]


def confirmed_shares(found: Confirmed) -> list[tuple[Any, Share]]:
    """Empty where no lesion of the orders has a finding."""
    if not found.counts:
        return []
    return [
        (_("AI: the class of the finding"), found.same(AI)),
        (_("Doctor: the class of the finding"), found.same(DOCTOR)),
        (_("AI: called malignant, of malignant findings"), found.found(AI)),
        (_("Doctor: called malignant, of malignant findings"), found.found(DOCTOR)),
    ]


def step_words(step: str, first: datetime.date) -> str:
    """Short, to stand under a column."""
    return first.strftime("%Y-%m") if step == "month" else first.strftime("%m-%d")


def date_words(step: str, first: datetime.date) -> str:
    return first.strftime("%Y-%m" if step == "month" else "%Y-%m-%d")
