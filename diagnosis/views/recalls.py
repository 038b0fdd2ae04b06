"""The lesions that are to be seen again, the longest overdue first."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from clinic.services.lesions import number_lesions
from clinic.views.access import note_list, signed_in
from clinic.views.paging import page_of
from diagnosis.services.recalls import EARLIEST_FIRST, open_recalls, overdue_recalls


@signed_in
@require_safe
def recalls(request: HttpRequest) -> HttpResponse:
    """``?overdue=on`` leaves out those that are still to come."""
    only_overdue = "overdue" in request.GET
    rows = overdue_recalls(request.user) if only_overdue else open_recalls(request.user)
    rows = rows.select_related("image__lesion__patient", "hospital", "signed_review__signed_by")
    page = page_of(rows, request, EARLIEST_FIRST)
    number_lesions([row.image.lesion for row in page.rows])
    note_list(request, "list_recalls", rows=len(page.rows))
    context = {"page": page, "today": timezone.localdate(), "only_overdue": only_overdue}
    return render(request, "recalls/recalls.html", context)
