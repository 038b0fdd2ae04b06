"""One diagnosis: the picture, the answer as it comes, and the doctor's review."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from clinic.models import Image
from clinic.permissions import get_visible, may_record, may_review
from clinic.services.audit import record_event
from clinic.views.access import signed_in
from clinic.views.entered_in_error import standing_of
from diagnosis.forms.reviews import ReviewForm, draft_review, signed_review
from diagnosis.models import DiagnosisRequest, Review, Status
from diagnosis.services.model_versions import reads_for
from diagnosis.services.queue import position
from diagnosis.services.requests import cancel_request, request_diagnosis
from diagnosis.services.reviews import save_review
from diagnosis.services.workers import readers_alive
from diagnosis.services.worklist import next_to_review
from diagnosis.views.from_batch import from_batch, next_in_batch
from diagnosis.views.heat_maps import heat_map_of

EARLIER = 8
# what the review form offers at one tap
RECALL_MONTHS = (3, 6, 12)


@signed_in
@require_safe
def diagnosis(request: HttpRequest, pk) -> HttpResponse:
    row = get_visible(DiagnosisRequest.objects.with_records(), request.user, pk=pk)
    record_event(actor=request.user, action="view_request", hospital=row.hospital_id, obj=row)
    return render(request, "diagnoses/diagnosis.html", page_of(request, row))


@signed_in
@require_safe
def answer(request: HttpRequest, pk) -> HttpResponse:
    """The fragment that the page asks for until the answer is there; 204 while nothing changed."""
    row = get_visible(DiagnosisRequest.objects.with_records(), request.user, pk=pk)
    context = answer_of(request, row)
    if request.GET.get("seen") == context["stage"]:
        return HttpResponse(status=204)
    if not row.is_open:
        record_event(actor=request.user, action="view_request", hospital=row.hospital_id, obj=row)
    return render(request, "diagnoses/answer.html", context | {"refreshed": True})


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def review(request: HttpRequest, pk) -> HttpResponse:
    """A refused form is shown at this address; who comes back to it finds the diagnosis."""
    if request.method != "POST":
        return redirect(page_address(request, pk))
    row = get_visible(DiagnosisRequest.objects.with_records(), request.user, pk=pk)
    form, sign = ReviewForm(request.POST, request=row), "sign" in request.POST
    if form.is_valid():
        values = form.cleaned_data
        key, _asked = values.pop("amends"), values.pop("meant")
        amends = get_visible(Review.objects, request.user, pk=key, request=row) if key else None
        saved = form.submit(
            save_review, actor=request.user, request=row, sign=sign, amends=amends, **values
        )
        if saved is not None:
            messages.success(request, _("The review is signed.") if sign else _("Draft saved."))
            page = page_address(request, pk)
            # a draft is written on where it was left
            return redirect(page if sign else f"{page}#review")
        if form.status == 409:
            # what was written meanwhile is on the page that comes back: it was seen the next time
            row = get_visible(DiagnosisRequest.objects.with_records(), request.user, pk=pk)
            form.has_seen(row)
    return render(
        request, "diagnoses/diagnosis.html", page_of(request, row, form), status=form.status
    )


@signed_in
@require_POST
def cancel(request: HttpRequest, pk) -> HttpResponse:
    row = get_visible(DiagnosisRequest.objects, request.user, pk=pk)
    cancel_request(actor=request.user, request=row)
    messages.success(request, _("The order is cancelled. The picture is kept."))
    return redirect(page_address(request, row.pk))


@signed_in
@require_POST
def order_again(request: HttpRequest, pk) -> HttpResponse:
    """By the model that is active now."""
    rows = DiagnosisRequest.objects.select_related("image__lesion__patient")
    row = get_visible(rows, request.user, pk=pk)
    again = request_diagnosis(actor=request.user, image=row.image)
    messages.success(request, _("A new reading is ordered."))
    return redirect(page_address(request, again.pk))


def page_address(request: HttpRequest, pk: UUID) -> str:
    """Of the diagnosis, which says where it was opened from as the address of the form does."""
    query = request.GET.urlencode()
    return reverse("diagnosis", args=[pk]) + (f"?{query}" if query else "")


def page_of(
    request: HttpRequest, row: DiagnosisRequest, form: ReviewForm | None = None
) -> dict[str, Any]:
    """``form`` is one that came back with errors."""
    lesion = row.image.lesion
    signed = signed_review(row)
    origin = from_batch(request, row)
    onward = next_in_batch(request, row, origin)
    return (
        answer_of(request, row)
        | heat_map_of(row)
        | standing_of(request, row.image)
        | {
            "image": row.image,
            "lesion": lesion,
            "patient": lesion.patient,
            "signed": signed,
            "origin": origin,
            "next_in_batch": onward,
            "following": following_of(request, row) if signed and not onward else None,
            "draft": draft_review(row),
            "earlier_reviews": [r for r in reversed(signed_ones(row)) if r != signed],
            "elsewhere": signed_elsewhere(request, row),
            "other_requests": other_requests(request, row),
            "other_images": other_images(request, row),
            "form": form or ReviewForm.of(row),
            "recall_months": RECALL_MONTHS,
            "finding": lesion.histopathology.first(),
            # what came back with errors keeps what was typed, also where nothing can be added now
            "may_review": (form is not None or row.is_standing)
            and may_review(request.user, row.hospital_id),
        }
    )


def answer_of(request: HttpRequest, row: DiagnosisRequest) -> dict[str, Any]:
    """``stage`` is what the browser tells back, to learn whether anything changed."""
    before = position(row)
    silent = row.is_open and not readers_alive()
    rejected = row.status == Status.REJECTED
    return {
        "row": row,
        "before": before,
        "silent": silent,
        "stage": f"{row.status}-{before}-{int(silent)}",
        "may_record": row.is_standing and may_record(request.user, row.hospital_id),
        "may_review": row.is_standing and may_review(request.user, row.hospital_id),
        "unanswered": row.status in (Status.FAILED, Status.REJECTED, Status.CANCELLED),
        # the model that would be asked refused the picture
        "same_again": rejected and reads_for(row.hospital_id, row.model_version_id),
    }


def following_of(request: HttpRequest, row: DiagnosisRequest) -> UUID | None:
    """What to review next, for who may."""
    if not may_review(request.user, row.hospital_id):
        return None
    return next_to_review(request.user, row.hospital_id)


def signed_ones(row: DiagnosisRequest) -> list[Review]:
    return sorted((r for r in row.reviews.all() if r.is_signed), key=lambda r: r.signed_at)


def signed_elsewhere(request: HttpRequest, row: DiagnosisRequest) -> Review | None:
    """What was concluded last of this lesion by another reading: a new picture does not undo it."""
    lesion = Image.objects.standing().filter(lesion=row.image.lesion_id)
    reviews = Review.objects.visible_to(request.user).filter(request__image__in=lesion)
    signed = reviews.filter(signed_at__isnull=False).exclude(request=row)
    return signed.select_related("signed_by", "request").order_by("-signed_at").first()


def other_requests(request: HttpRequest, row: DiagnosisRequest):
    """Other readings of the same picture."""
    rows = DiagnosisRequest.objects.visible_to(request.user).select_related(
        "prediction", "model_version"
    )
    return rows.filter(image=row.image_id).exclude(pk=row.pk)[:EARLIER]


def other_images(request: HttpRequest, row: DiagnosisRequest):
    """Other pictures of the same lesion, the last taken first."""
    images = Image.objects.visible_to(request.user).standing().filter(lesion=row.image.lesion_id)
    return images.exclude(pk=row.image_id).last_taken_first()[:EARLIER]
