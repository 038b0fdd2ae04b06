"""The worklist: what was ordered, the riskiest unsigned reading first."""

import datetime
import hashlib
from typing import Any

from django.db.models import Exists, F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from clinic.views.access import is_fragment, note_list, page_number, signed_in
from clinic.views.paging import Page, page_of
from diagnosis.forms.filters import WorklistFilter
from diagnosis.models import DiagnosisRequest, Status
from diagnosis.models.requests import OPEN, UNANSWERED, DiagnosisRequestQuerySet
from diagnosis.services.reports import signed_reviews


@signed_in
@require_safe
def worklist(request: HttpRequest) -> HttpResponse:
    """With htmx only the rows; 204 while none of them changed."""
    form = WorklistFilter(request.GET, user=request.user)
    visible = DiagnosisRequest.objects.visible_to(request.user)
    page = page_of(riskiest_first(narrow(visible, form.values)), page_number(request))
    context = {"form": form, "page": page, "seen": fingerprint(page)} | refreshing(page)
    if is_fragment(request):
        if request.GET.get("seen") == context["seen"]:
            return HttpResponse(status=204)
        return render(request, "worklist/rows.html", context)
    note_list(request, "view_worklist", hospital=form.values["hospital"], rows=len(page.rows))
    return render(request, "worklist/worklist.html", context)


def narrow(rows: DiagnosisRequestQuerySet, values: dict[str, Any]) -> DiagnosisRequestQuerySet:
    rows = rows.filter(status__in=STATUSES[values.get("state") or ""])
    if values["hospital"]:
        rows = rows.filter(hospital=values["hospital"])
    if values.get("label"):
        rows = rows.filter(prediction__label=values["label"])
    if values.get("period"):
        rows = rows.filter(created_at__gte=since(int(values["period"])))
    if values.get("unreviewed"):
        rows = rows.filter(~Exists(signed_reviews()))
    return rows


# a cancelled order asks nothing of anybody: it is shown where it is asked for
STATUSES: dict[str, tuple[str, ...]] = {
    "": (*OPEN, *UNANSWERED, Status.SUCCEEDED),
    "open": OPEN,
    "succeeded": (Status.SUCCEEDED,),
    "failed": UNANSWERED,
    "cancelled": (Status.CANCELLED,),
}


def since(days: int) -> datetime.datetime:
    """The midnight with which a period of so many days, today included, begins."""
    first = timezone.localdate() - datetime.timedelta(days=days - 1)
    return timezone.make_aware(datetime.datetime.combine(first, datetime.time.min))


def riskiest_first(rows: DiagnosisRequestQuerySet) -> DiagnosisRequestQuerySet:
    malignancy = F("prediction__malignancy_probability").desc(nulls_last=True)
    return (
        rows.annotate(signed=Exists(signed_reviews()))
        .with_records()
        .defer("model_version__card")
        .order_by("signed", malignancy, "-created_at", "id")
    )


def refreshing(page: Page) -> dict[str, Any]:
    return {"waits": any(row.is_open for row in page.rows)}


def fingerprint(page: Page) -> str:
    """Changes with whatever a row shows that can change."""
    facts = [(str(row.pk), row.status, str(row.review and row.review.pk)) for row in page.rows]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
