"""The hospital report: figures and rows over many requests, on the page and as CSV."""

import csv
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from clinic.errors import DomainError
from clinic.views.access import note_list, page_number, signed_in
from clinic.views.paging import page_of
from diagnosis.forms.filters import ReportFilter
from diagnosis.interpretation import label_name
from diagnosis.models import Status
from diagnosis.models.requests import OPEN, UNANSWERED, DiagnosisRequestQuerySet
from diagnosis.services.reports import Period, Totals, csv_rows, hospital_report, totals
from ml.taxonomy import BY_ANSWER

# without it a spreadsheet takes the file for Latin-1 and breaks every name with an accent
BYTE_ORDER_MARK = "\ufeff"


@signed_in
@require_safe
def hospital(request: HttpRequest) -> HttpResponse:
    form = ReportFilter(request.GET, user=request.user)
    rows = rows_of(request, form)
    figures = totals(rows)
    page = page_of(rows.with_records().defer("model_version__card"), page_number(request))
    chosen = form.values["hospital"]
    note_list(request, "view_hospital_report", hospital=chosen, rows=len(page.rows))
    context = shares_of(figures) | {
        "form": form,
        "page": page,
        "classes": classes_of(figures),
        "query": request.GET.urlencode(),
    }
    return render(request, "reports/hospital.html", context, status=form.status)


@signed_in
@require_safe
def hospital_csv(request: HttpRequest) -> HttpResponse:
    form = ReportFilter(request.GET, user=request.user)
    rows = rows_of(request, form)
    if form.errors:
        raise DomainError("invalid", next(iter(form.errors.values()))[0])
    note_list(request, "export_hospital_report", hospital=form.values["hospital"])
    response = StreamingHttpResponse(as_csv(csv_rows(rows)), content_type="text/csv; charset=utf-8")
    name = f"hospital-report-{timezone.localdate().isoformat()}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def rows_of(request: HttpRequest, form: ReportFilter) -> DiagnosisRequestQuerySet:
    """The rows that the filters leave; all of the user's where a filter makes no sense."""
    values = form.values
    try:
        return hospital_report(
            actor=request.user,
            hospital=values["hospital"],
            period=Period(values.get("from"), values.get("to")),
            label=values.get("label", ""),
            reviewed={"yes": True, "no": False}.get(values.get("reviewed", "")),
        )
    except DomainError as error:
        form.refuse(error)
        return hospital_report(actor=request.user)


def shares_of(figures: Totals) -> dict[str, Any]:
    """The totals and what follows from them; a share of nothing is None."""
    count = figures.by_status.get
    return {
        "totals": figures,
        "read": count(Status.SUCCEEDED, 0),
        "unread": {
            "open": sum(count(status, 0) for status in OPEN),
            "failed": sum(count(status, 0) for status in UNANSWERED),
            "cancelled": count(Status.CANCELLED, 0),
        },
        "reviewed_share": figures.reviewed / figures.requests if figures.requests else None,
        "agreed_share": figures.agreed / figures.reviewed if figures.reviewed else None,
    }


def classes_of(figures: Totals) -> list[dict[str, Any]]:
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


class Line:
    """A file whose writer gets each line back, for csv.writer to stream."""

    def write(self, text: str) -> str:
        return text


def as_csv(rows: Iterable[list[str]]) -> Iterator[str]:
    writer = csv.writer(Line())
    yield BYTE_ORDER_MARK
    for row in rows:
        yield writer.writerow(row)
