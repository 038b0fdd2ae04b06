"""The hospital report: what was done over a period, on the page, as CSV, PDF and ZIP."""

import datetime
import itertools
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from clinic.errors import DomainError
from clinic.services.audit import file_details
from clinic.services.lesions import number_lesions
from clinic.spreadsheets import BYTE_ORDER_MARK, csv_lines
from clinic.views.access import note_list, signed_in
from clinic.views.paging import page_of
from diagnosis import report_charts
from diagnosis.documents.archive import image_archive
from diagnosis.documents.report import Heading, hospital_pdf
from diagnosis.forms.filters import ReportFilter
from diagnosis.interpretation import label_name
from diagnosis.models import Status
from diagnosis.models.requests import OPEN, DiagnosisRequestQuerySet
from diagnosis.services.confirmed import confirmed
from diagnosis.services.dashboard import BANDS, Dashboard, dashboard
from diagnosis.services.report_tables import sheet_rows
from diagnosis.services.reports import ORDERING, Totals, hospital_report

# what the page shows before anybody asks for a period
DEFAULT_DAYS = 30
# confusions that the page names


@signed_in
@require_safe
def hospital(request: HttpRequest) -> HttpResponse:
    form = ReportFilter(with_period(request.GET), user=request.user)
    rows = rows_of(request, form)
    context: dict[str, Any] = {"form": form, "query": form.query}
    # figures beside a filter that makes no sense would be taken for those that were asked for
    if not form.errors:
        context |= figures_of(request, form, rows)
    return render(request, "reports/hospital.html", context, status=form.status)


def figures_of(
    request: HttpRequest, form: ReportFilter, rows: DiagnosisRequestQuerySet
) -> dict[str, Any]:
    figures, found = dashboard(rows, form.period)
    page = page_of(rows.with_records(), request, ORDERING)
    number_lesions([row.image.lesion for row in page.rows])
    chosen = form.values["hospital"]
    note_list(request, "view_hospital_report", hospital=chosen, rows=len(page.rows))
    return (
        shares_of(figures)
        | charts_of(found)
        | {
            "page": page,
            "classes": report_charts.classes(figures),
            "found": found,
            "agreement": agreement_of(found),
            "confirmed": report_charts.confirmed_shares(confirmed(rows)),
        }
    )


@signed_in
@require_safe
def hospital_csv(request: HttpRequest) -> HttpResponse:
    rows = exported(request, "csv")[0]
    lines = itertools.chain([BYTE_ORDER_MARK], csv_lines(sheet_rows(rows)))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    return as_download(response, "csv")


@signed_in
@require_safe
def hospital_images(request: HttpRequest) -> HttpResponse:
    rows = exported(request, "zip")[0]
    response = StreamingHttpResponse(image_archive(rows), content_type="application/zip")
    return as_download(response, "zip")


@signed_in
@require_safe
def hospital_document(request: HttpRequest) -> HttpResponse:
    rows, form = exported(request, "pdf")
    content = hospital_pdf(rows, heading_of(form, request.user))
    return as_download(HttpResponse(content, content_type="application/pdf"), "pdf")


def exported(request: HttpRequest, kind: str) -> tuple[DiagnosisRequestQuerySet, ReportFilter]:
    """The rows that the address asks for, noted as handed out. Raises DomainError for a filter that
    makes no sense: a file that holds something else than was asked for would deceive."""
    form = ReportFilter(request.GET, user=request.user)
    rows = rows_of(request, form)
    if form.errors:
        raise DomainError("invalid", next(iter(form.errors.values()))[0])
    filters = form.values | {"reviewed": reviewed_of(form)}
    details = file_details(kind, filters)
    note_list(request, "export_hospital_report", hospital=filters["hospital"], **details)
    return rows, form


def as_download(response: Any, ending: str) -> Any:
    name = f"hospital-report-{timezone.localdate().isoformat()}.{ending}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def with_period(given: QueryDict) -> QueryDict:
    """The last months where no period is asked for; an empty one asks for everything."""
    if "from" in given or "to" in given:
        return given
    found = given.copy()
    first = timezone.localdate() - datetime.timedelta(days=DEFAULT_DAYS - 1)
    found["from"], found["to"] = first.isoformat(), ""
    return found


def rows_of(request: HttpRequest, form: ReportFilter) -> DiagnosisRequestQuerySet:
    """The rows that the filters leave; none where a filter makes no sense, which the form says."""
    values = form.values
    try:
        return hospital_report(
            actor=request.user,
            hospital=values["hospital"],
            period=form.period,
            label=values.get("label", ""),
            risk=values.get("risk", ""),
            reviewed=reviewed_of(form),
        )
    except DomainError as error:
        form.refuse(error)
        return hospital_report(actor=request.user).none()


def reviewed_of(form: ReportFilter) -> bool | None:
    return {"yes": True, "no": False}.get(form.values.get("reviewed", ""))


def heading_of(form: ReportFilter, user: Any) -> Heading:
    values = form.values
    named = [
        f"{form.fields[name].label}: {dict(form.fields[name].choices)[values[name]]}"
        for name in ("label", "risk", "reviewed")
        if values.get(name)
    ]
    hospital = values["hospital"].name if values["hospital"] else form.hospital_names
    return Heading(hospital, form.period, "; ".join(named), user.display_name)


def shares_of(figures: Totals) -> dict[str, Any]:
    """The totals and what follows from them; a share of nothing is None."""
    count = figures.by_status.get
    return {
        "totals": figures,
        "read": count(Status.SUCCEEDED, 0),
        "unread": {
            "open": sum(count(status, 0) for status in OPEN),
            "rejected": count(Status.REJECTED, 0),
            "failed": count(Status.FAILED, 0),
            "cancelled": count(Status.CANCELLED, 0),
        },
        "reviewed_share": figures.reviewed / figures.requests if figures.requests else None,
        "agreed_share": figures.agreed / figures.reviewed if figures.reviewed else None,
    }


def charts_of(found: Dashboard) -> dict[str, Any]:
    return {
        "volume": report_charts.volume(found),
        "volume_table": report_charts.volume_table(found),
        "bands": [(band, report_charts.BAND_NAMES[band]) for band in BANDS],
        "waits": report_charts.waits(found),
        "waits_table": report_charts.waits_table(found),
    }


def agreement_of(found: Dashboard) -> dict[str, Any]:
    return {
        "classes": [
            (label_name(label), signed, same, same / signed)
            for label, signed, same in found.agreement
        ],
        "missed": report_charts.missed(found),
    }
