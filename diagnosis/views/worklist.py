"""The worklist: what waits for a doctor, the riskiest first, kept fresh while the page is open."""

import datetime
import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from clinic.permissions import hospital_ids
from clinic.services.lesions import number_lesions
from clinic.views.access import is_fragment, note_list, signed_in
from clinic.views.paging import Page, page_of
from clinic.views.tallies import Tally
from diagnosis.forms.filters import WorklistFilter
from diagnosis.models import DiagnosisRequest, Status
from diagnosis.models.requests import OPEN, UNANSWERED, DiagnosisRequestQuerySet
from diagnosis.services.worklist import (
    MOST_COUNTED,
    NEWEST_FIRST,
    RISKIEST_FIRST,
    Counts,
    counts,
    overdue,
)

STATES: dict[str, tuple[str, ...]] = {
    "open": OPEN,
    "succeeded": (Status.SUCCEEDED,),
    "failed": UNANSWERED,
}


@signed_in
@require_safe
def worklist(request: HttpRequest) -> HttpResponse:
    """With htmx only the counts and rows; 204 while none of them changed."""
    form = WorklistFilter(request.GET, user=request.user)
    values = form.values
    chosen = values["hospital"]
    visible = DiagnosisRequest.objects.visible_to(request.user).standing()
    late = overdue([chosen.pk] if chosen else hospital_ids(request.user))
    if chosen:
        visible = visible.filter(hospital=chosen)
    figures = counts(visible.unsigned(), late)
    page = page_of(narrow(visible, values, late).with_records(), request, ordering_of(values))
    context = {
        "form": form,
        "page": page,
        "seen": fingerprint(page, figures),
        "tallies": tallies(figures, request.GET),
        "overdue": figures.overdue,
        "overdue_shown": capped_number(figures.overdue),
        "reads_on": any(row.is_open for row in page.rows),
    }
    if is_fragment(request) and request.GET.get("seen") == context["seen"]:
        return HttpResponse(status=204)
    number_lesions([row.image.lesion for row in page.rows])
    note_list(request, "view_worklist", hospital=chosen, rows=len(page.rows))
    template = "worklist/rows.html" if is_fragment(request) else "worklist/worklist.html"
    return render(request, template, context)


def narrow(rows: DiagnosisRequestQuerySet, values: dict[str, Any], late: Any) -> Any:
    """The rows that the filters leave. What is cancelled asks nothing of anybody: it is shown
    where it is asked for."""
    state, review = values.get("state"), values.get("review")
    if state == "cancelled":
        rows = rows.filter(status=Status.CANCELLED)
    elif review == "signed":
        rows = rows.exclude(conclusion="")
    elif review == "all":
        rows = rows.exclude(status=Status.CANCELLED)
    else:
        rows = rows.unsigned()
    if state in STATES:
        rows = rows.filter(status__in=STATES[state])
    for name, column in (("label", "label"), ("risk", "risk"), ("doctor", "requested_by")):
        if values.get(name):
            rows = rows.filter(**{column: values[name]})
    if values.get("period"):
        rows = rows.filter(created_at__gte=since(int(values["period"])))
    return rows.filter(late) if values.get("overdue") else rows


def ordering_of(values: dict[str, Any]) -> tuple[str, ...]:
    """What waits is worked off by risk; what is done is looked up by date."""
    waits = not values.get("review") and values.get("state") != "cancelled"
    return RISKIEST_FIRST if waits else NEWEST_FIRST


def since(days: int) -> datetime.datetime:
    """The midnight with which a period of so many days, today included, begins."""
    first = timezone.localdate() - datetime.timedelta(days=days - 1)
    return timezone.make_aware(datetime.datetime.combine(first, datetime.time.min))


def tallies(figures: Counts, given: QueryDict) -> list[Tally]:
    rows = (
        (_("To review"), figures.to_review, {"state": "succeeded"}),
        (_("High risk"), figures.high, {"state": "succeeded", "risk": "high"}),
        (_("Overdue"), figures.overdue, {"overdue": "on"}),
        (_("Being read"), figures.open, {"state": "open"}),
        (_("Not answered"), figures.failed, {"state": "failed"}),
    )
    return [tally(name, count, wanted, given) for name, count, wanted in rows]


def tally(name: str, count: int, wanted: dict[str, str], given: QueryDict) -> Tally:
    """The address keeps the hospital, which all counts are about."""
    query = QueryDict(mutable=True)
    query.update(wanted)
    if given.get("hospital"):
        query["hospital"] = given["hospital"]
    asked = {key: value for key, value in given.items() if value and key not in ("seen", "cursor")}
    alarm = "overdue" in wanted and count > 0
    return Tally(name, capped_number(count), query.urlencode(), asked == query.dict(), alarm)


def capped_number(count: int) -> str:
    return f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count)


def fingerprint(page: Page, figures: Counts) -> str:
    """Changes with whatever a row or a count shows that can change."""
    facts = [(str(row.pk), row.status, str(row.review and row.review.pk)) for row in page.rows]
    return hashlib.sha256(repr((facts, figures)).encode()).hexdigest()[:16]
