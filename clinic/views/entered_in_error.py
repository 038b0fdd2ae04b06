"""Patients, lesions and pictures that were entered in error: marked, and reinstated."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from clinic.forms.standing import ErrorForm
from clinic.models import Image, Lesion, Patient
from clinic.permissions import get_visible, may_record, require_record
from clinic.services.entered_in_error import above, below, mark_entered_in_error, reinstate
from clinic.views.access import signed_in

RELATED = {Patient: (), Lesion: ("patient",), Image: ("lesion__patient",)}


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def entered_in_error(request: HttpRequest, pk, model: type) -> HttpResponse:
    """What will happen, and why it shall; where it has happened, what was said then."""
    record = find(request, model, pk)
    if record.is_standing:
        require_record(request.user, record.hospital_id)
    form = ErrorForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        reason = form.cleaned_data["reason"]
        if form.submit(mark_entered_in_error, actor=request.user, record=record, reason=reason):
            messages.success(
                request, _("Marked as entered in error: no list or figure has it now.")
            )
            if back := request.GET.get("next"):
                return redirect(own_address(back))
            holder = next(above(record), None)
            return redirect("patients") if holder is None else go_to(holder)
    held = {name: rows.standing().count() for name, rows in below(record).items()}
    context = {
        "form": form,
        "record": record,
        "noun": record._meta.model_name,
        "lesion": record if model is Lesion else getattr(record, "lesion", None),
        "patient": record if model is Patient else list(above(record))[-1],
    } | held
    return render(
        request,
        "records/entered_in_error.html",
        context | standing_of(request, record),
        status=form.status,
    )


@signed_in
@require_POST
def reinstate_record(request: HttpRequest, pk, model: type) -> HttpResponse:
    record = reinstate(actor=request.user, record=find(request, model, pk))
    messages.success(request, _("Reinstated: lists and figures have it again."))
    return go_to(record.lesion if model is Image else record)


def own_address(address: str) -> str:
    """One of this site; else that of the first page."""
    own = address.startswith("/") and url_has_allowed_host_and_scheme(address, allowed_hosts=None)
    return address if own else "/"


def find(request: HttpRequest, model: type, pk) -> Any:
    return get_visible(model.objects.select_related(*RELATED[model]), request.user, pk=pk)


def go_to(record: Patient | Lesion) -> HttpResponse:
    return redirect(record._meta.model_name, record.pk)


def standing_of(request: HttpRequest, record: Patient | Lesion | Image) -> dict[str, Any]:
    """For the page of a record: whether it was entered in error (``marked``, the outermost record
    that was, or None) and who may do what."""
    held = [holder for holder in (record, *above(record)) if not holder.is_standing]
    allowed = may_record(request.user, record.hospital_id)
    return {
        "marked": held[-1] if held else None,
        "marked_noun": held[-1]._meta.model_name if held else "",
        "may_record": allowed and not held,
        "may_reinstate": allowed and bool(held),
    }
