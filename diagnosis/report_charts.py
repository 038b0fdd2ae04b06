"""The charts of the hospital report, and the tables behind them."""

import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from diagnosis.charts import Column, Columns, columns
from diagnosis.interpretation import RISK_NAMES
from diagnosis.services.dashboard import BANDS, UNREAD, WAITS, Dashboard

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


def step_words(step: str, first: datetime.date) -> str:
    """Short, to stand under a column."""
    return first.strftime("%Y-%m") if step == "month" else first.strftime("%m-%d")


def date_words(step: str, first: datetime.date) -> str:
    return first.strftime("%Y-%m" if step == "month" else "%Y-%m-%d")
