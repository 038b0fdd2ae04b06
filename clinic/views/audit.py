"""The audit log: who did or saw what, to whom, when, from where; filtered, and as a file."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from clinic.actions import action_words
from clinic.details import called, details_in_words, record_name
from clinic.errors import DomainError
from clinic.forms.administration import AuditFilter
from clinic.models import AuditEvent, Hospital
from clinic.models.audit import AuditEventQuerySet
from clinic.periods import Period
from clinic.services.audit import file_details, record_event
from clinic.services.audit_log import ORDERING, sheet_rows
from clinic.services.audit_records import find_keys, names_of, numbers_of
from clinic.spreadsheets import BYTE_ORDER_MARK, csv_lines
from clinic.views.access import signed_in
from clinic.views.administration import administered, chosen_hospital
from clinic.views.paging import page_of

# records that have a page of their own
PAGES = {"patient": "patient", "lesion": "lesion", "diagnosisrequest": "diagnosis"}


@signed_in
@require_safe
def audit_log(request: HttpRequest) -> HttpResponse:
    form, hospital, events = asked_for(request)
    page = page_of(events.select_related("actor"), request, ORDERING)
    numbers, names = numbers_of(hospital, page.rows), names_of(hospital, page.rows)
    details = {"rows": len(page.rows)}
    record_event(actor=request.user, action="view_audit_log", hospital=hospital, details=details)
    context = {
        "form": form,
        "hospital": hospital,
        "page": replace(page, rows=[row_of(event, numbers, names) for event in page.rows]),
        "query": request.GET.urlencode(),
    }
    return render(request, "administration/audit.html", context, status=form.status)


@signed_in
@require_safe
def audit_csv(request: HttpRequest) -> HttpResponse:
    form, hospital, events = asked_for(request)
    if form.errors:
        raise DomainError("invalid", next(iter(form.errors.values()))[0])
    details = file_details("csv", form.values)
    record_event(actor=request.user, action="export_audit_log", hospital=hospital, details=details)
    lines = itertools.chain([BYTE_ORDER_MARK], csv_lines(sheet_rows(hospital, events)))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"audit-log-{timezone.localdate().isoformat()}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def asked_for(request: HttpRequest) -> tuple[AuditFilter, Hospital, AuditEventQuerySet]:
    """The events of one hospital that the filters leave; none where a filter makes no sense."""
    hospitals = administered(request)
    hospital = chosen_hospital(request, hospitals)
    form = AuditFilter(request.GET, hospital=hospital, hospitals=hospitals)
    events = AuditEvent.objects.visible_to(request.user).filter(hospital=hospital)
    values = form.values
    named = values.pop("object_id", "")
    try:
        events = events.filter(Period(values.get("from"), values.get("to")).as_filter("at"))
        if named:
            events = events.of_records(find_keys(hospital, named))
    except DomainError as error:
        form.refuse(error)
    if form.errors:
        return form, hospital, events.none()
    return form, hospital, events.matching(values)


def row_of(
    event: AuditEvent, numbers: Mapping[str, str], names: Mapping[str, str]
) -> dict[str, Any]:
    return {
        "event": event,
        "action": action_words(event.action),
        "record": record_name(event.object_type),
        "called": called(event, names),
        "number": numbers.get(event.object_id),
        "page": PAGES.get(event.object_type),
        "details": details_in_words(event, names, short=True),
    }
