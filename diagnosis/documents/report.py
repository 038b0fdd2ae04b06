"""The hospital report as a PDF: the figures, the charts with their tables, and the newest rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _
from reportlab.platypus import Flowable, Spacer

from clinic.periods import Period
from diagnosis import report_charts
from diagnosis.documents import pdf
from diagnosis.interpretation import label_name
from diagnosis.models.requests import DiagnosisRequestQuerySet, Status
from diagnosis.services.confirmed import confirmed
from diagnosis.services.dashboard import BANDS, Dashboard, dashboard
from diagnosis.services.report_tables import minute, table
from diagnosis.services.reports import Totals
from diagnosis.templatetags.readings import percent

# what may stand beside those that were read
NOT_READ = [state for state in Status if state != Status.SUCCEEDED]
# what a person reads on paper; the whole is in the CSV file
MOST_ROWS = 500
SHOWN = ("requested_at", "lesion", "medical_record_number", "diagnosis", "probability")
SHOWN += ("malignancy_probability", "status", "conclusion", "signed_by")
# of the whole width, for a hospital whose numbers are long
MOST_OF_NUMBER = 0.25
# in points, about those of a line: no word of ours is broken, and the lesion has what is left
WIDTHS = (46, 103, 37, 64, 56, 51, 43, 64, 40)


@dataclass(frozen=True)
class Heading:
    """What the report is about: a hospital's name, the period, and further filters in words."""

    hospital: str
    period: Period
    filters: str
    author: str


def hospital_pdf(rows: DiagnosisRequestQuerySet, heading: Heading) -> bytes:
    figures, found = dashboard(rows, heading.period)
    title = _("Hospital report: %(hospital)s") % {"hospital": heading.hospital}
    parts = [
        *head(title, heading),
        *figure_parts(figures),
        *chart_parts(found),
        *class_parts(figures),
        *agreement_parts(found),
        *confirmed_parts(rows),
        *row_parts(rows, figures.requests),
    ]
    return pdf.build(parts, title=title)


def head(title: str, heading: Heading) -> Iterator[Flowable]:
    now = timezone.localtime().strftime("%Y-%m-%d %H:%M")
    yield pdf.text(title, pdf.TITLE)
    yield pdf.text(period_words(heading.period))
    if heading.filters:
        yield pdf.text(heading.filters)
    made = _("Made %(time)s by %(name)s. AI readings assist and are no diagnoses.")
    yield pdf.text(made % {"time": now, "name": heading.author}, pdf.SMALL)


def period_words(period: Period) -> str:
    start, end = period.start, period.end
    if start is None and end is None:
        return _("All orders")
    if end is None:
        words = _("Orders from %(start)s to today")
    else:
        words = _("Orders from %(start)s to %(end)s") if start else _("Orders up to %(end)s")
    return words % {"start": start, "end": end}


def figure_parts(figures: Totals) -> Iterator[Flowable]:
    read = sum(figures.labels.values())
    seconds = "–" if figures.seconds is None else f"{figures.seconds:.0f} s"
    rows = [
        (_("Orders"), figures.requests),
        (pgettext("how many", "Read"), read),
        *((state.label, count) for state in NOT_READ if (count := figures.by_status.get(state))),
        (_("From order to answer, on average"), seconds),
        (_("Reviewed and signed"), figures.reviewed),
        (
            _("Doctor concluded the AI's class"),
            f"{figures.agreed} {of(figures.agreed, figures.reviewed)}",
        ),
    ]
    yield Spacer(0, 8)
    yield pdf.table((_("Figure"), _("Value")), rows, (3, 1))


def of(part: int, whole: int) -> str:
    return f"({percent(part / whole)})" if whole else ""


def chart_parts(found: Dashboard) -> Iterator[Flowable]:
    if not found.volume:
        return
    yield pdf.text(_("Orders by risk"), pdf.HEADING)
    yield pdf.drawing(report_charts.volume(found))
    yield pdf.legend([(band, str(report_charts.BAND_NAMES[band])) for band in BANDS])
    head, rows = report_charts.volume_table(found)
    yield pdf.table(head, rows, [2, *([1] * (len(head) - 1))])
    if not found.pairs:
        return
    yield pdf.text(_("From the answer to the signature"), pdf.HEADING)
    yield pdf.drawing(report_charts.waits(found))


def class_parts(figures: Totals) -> Iterator[Flowable]:
    found = report_charts.classes(figures)
    if not found:
        return
    yield from pdf.table_heading(_("Classes read by the AI"))
    rows = [(class_words(entry), entry["count"], percent(entry["share"])) for entry in found]
    yield pdf.table((_("Class"), _("Count"), _("Share")), rows, (3, 1, 1))


def class_words(entry: Mapping[str, Any]) -> str:
    name = entry["name"]
    return f"{name} ({_('counts as malignant')})" if entry["malignant"] else name


def agreement_parts(found: Dashboard) -> Iterator[Flowable]:
    if not found.pairs:
        return
    yield from pdf.table_heading(_("Agreement of AI and doctor"))
    rows = [
        (label_name(label), signed, same, percent(same / signed))
        for label, signed, same in found.agreement
    ]
    head = (_("AI reading"), pgettext("how many", "Signed"), _("Same class"), _("Share"))
    yield pdf.table(head, rows, (3, 1, 1, 1))
    words = _("AI %(label)s, doctor %(conclusion)s (%(count)s)")
    missed = [
        words % {"label": label, "conclusion": conclusion, "count": count}
        for label, conclusion, count in report_charts.missed(found)
    ]
    if missed:
        yield pdf.text(f"{_('Where they differ most often:')} {'; '.join(missed)}", pdf.SMALL)


def confirmed_parts(rows: DiagnosisRequestQuerySet) -> Iterator[Flowable]:
    shares = report_charts.confirmed_shares(confirmed(rows))
    if not shares:
        return
    yield from pdf.table_heading(_("Against histopathology"))
    of_whole = _("%(part)s of %(whole)s")
    lines = [
        (name, of_whole % {"part": share.part, "whole": share.whole}, percent(share.value))
        for name, share in shares
    ]
    yield pdf.table((_("Opinion"), _("Count"), _("Share")), lines, (3, 1, 1))
    yield pdf.text(
        _("What is excised is chosen: these shares are those of suspicious lesions, not of all."),
        pdf.SMALL,
    )


def row_parts(rows: DiagnosisRequestQuerySet, count: int) -> Iterator[Flowable]:
    newest = table(rows[:MOST_ROWS], language=get_language(), moment=minute, share=percent)
    lines = list(newest)
    yield from pdf.table_heading(_("Orders, the newest first"))
    if not lines:
        yield pdf.text(_("There is no order in this period."))
        return
    if count > len(lines):
        words = _("The newest %(shown)d of %(count)d orders; the CSV file holds all of them.")
        yield pdf.text(words % {"shown": len(lines), "count": count}, pdf.SMALL)
    head = (_("Ordered"), _("Lesion"), _("Number"), _("AI reading"), _("Probability"))
    head += (_("Malignancy"), _("State"), (_("Conclusion"), _("Management")), _("Signed by"))
    cells = [line | cells_of_lines(line) for line in lines]
    yield pdf.table(head, [[line[name] for name in SHOWN] for line in cells], widths(lines))


def cells_of_lines(line: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """As the page has them: a lesion with the beginning of its identifier, what a doctor concluded
    with what is to be done."""
    return {
        "lesion": (line["lesion_title"], line["lesion"][:8]),
        "conclusion": (line["conclusion"], line["management"]),
    }


def widths(lines: Sequence[Mapping[str, str]]) -> list[float]:
    """The shares of the columns: a record number is read as one word and not broken."""
    number = SHOWN.index("medical_record_number")
    longest = max(pdf.width_of(line["medical_record_number"]) for line in lines)
    others = sum(WIDTHS) - WIDTHS[number]
    wanted = min(longest / pdf.ROOM, MOST_OF_NUMBER)
    found = list(WIDTHS)
    found[number] = max(WIDTHS[number], others * wanted / (1 - wanted))
    return found
