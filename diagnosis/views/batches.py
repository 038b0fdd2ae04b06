"""Many pictures at once: the page that sends them, and the grid that fills in as they are read."""

from operator import attrgetter
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from clinic.errors import DomainError, FieldError, RetryError
from clinic.forms.patients import patient_by_number
from clinic.models import Lesion
from clinic.permissions import get_visible, require_record
from clinic.services.audit import record_event
from clinic.services.entered_in_error import require_standing
from clinic.services.lesions import number_lesions
from clinic.views.access import is_fragment, signed_in
from clinic.views.entered_in_error import standing_of
from clinic.views.paging import CARDS_A_PAGE, numbered_page
from clinic.views.tallies import Choice, chosen_of, tallies_of
from diagnosis.forms.batches import BatchForm, sent_files
from diagnosis.interpretation import warnings_for
from diagnosis.models import Batch, BatchFile, Status
from diagnosis.progress import SHOWN, Progress, filled, progress_of, stage_of, with_retaken
from diagnosis.services.batches import (
    add_file,
    add_files,
    clean_name,
    create_batch,
    forget_file,
    repeat_file,
)
from diagnosis.services.workers import readers_alive
from diagnosis.views.from_batch import place_of, query_of, results_address, view_of
from diagnosis.views.new_diagnosis import (
    asked_for,
    asking_for,
    chosen_hospital,
    initial_of,
    lesions_of,
    note_patient,
    typed_patient,
)

RECENT = 6


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def batch_create(request: HttpRequest) -> HttpResponse:
    """With ``?batch=`` more pictures for one that was begun. The script asks as a fragment: it
    gets the addresses for single files, or the fields again with what is wrong."""
    begun = begun_batch(request)
    if request.method == "POST":
        return begin(request, begun)
    lesion, patient = asked_for(request)
    instead = refused_file(request, begun) if begun else None
    initial = initial_of(patient, lesion) | ({"batch": begun.pk} if begun else {})
    form = BatchForm(user=request.user, initial=initial)
    return show(request, form, patient, begun, instead, lesion)


def refused_file(request: HttpRequest, batch: Batch) -> BatchFile | None:
    """The one in whose place another is sent, as the address says it; None where it says nothing
    or another tab was faster."""
    try:
        key = UUID(request.GET["instead"])
    except (KeyError, ValueError):
        return None
    return batch.files.filter(pk=key, image__isnull=True).first()


def begun_batch(request: HttpRequest) -> Batch | None:
    key = request.GET.get("batch")
    if not key:
        return None
    try:
        found = get_visible(Batch.objects.with_records(), request.user, pk=UUID(key))
    except ValueError as error:
        raise DomainError("not_found", _("There is no such record."), status=404) from error
    require_record(request.user, found.patient.hospital_id)
    require_standing(found.holder)
    return found


def begin(request: HttpRequest, begun: Batch | None) -> HttpResponse:
    form = BatchForm(request.POST, request.FILES, user=request.user)
    batch = begun or begin_new(request, form)
    if batch is None:
        patient = typed_patient(form)
        if patient is not None:
            note_patient(request, patient)
        return show(request, form, patient, None)
    address = reverse("batch", args=[batch.pk])
    if is_fragment(request):
        return JsonResponse(
            {
                "address": address,
                "files": reverse("batch-file", args=[batch.pk]),
                "more": f"{reverse('batch-create')}?batch={batch.pk}",
            },
            status=201,
        )
    files = sent_files(request.FILES.getlist("files"))
    instead = refused_file(request, batch)
    add_files(actor=request.user, batch=batch, files=files, instead=instead)
    return redirect(address)


def begin_new(request: HttpRequest, form: BatchForm) -> Batch | None:
    valid = form.is_valid()
    if not is_fragment(request):
        valid = form.submit(sent_files, files=request.FILES.getlist("files")) is not None and valid
    if not valid:
        return None
    arguments = form.submit(form.begin)
    return None if arguments is None else form.submit(create_batch, **arguments)


def show(
    request: HttpRequest,
    form: BatchForm,
    patient: Any,
    begun: Batch | None,
    instead: BatchFile | None = None,
    lesion: Lesion | None = None,
) -> HttpResponse:
    template = "batches/fields.html" if is_fragment(request) else "batches/new.html"
    context = fields_of(form, patient) | {"begun": begun, "instead": instead}
    context["one_only"] = asking_for(begun.holder if begun else lesion or patient)
    context["recent"] = recent(request)
    return render(request, template, context, status=form.status)


def fields_of(form: BatchForm, patient: Any) -> dict[str, Any]:
    return {
        "form": form,
        "patient": patient,
        "lesions": lesions_of(patient) if patient else [],
        "chosen_lesion": str(form["lesion"].value() or ""),
        "many": True,
        "limit_mb": settings.NEVUS_MAX_UPLOAD_BYTES // 1024**2,
        "most": settings.NEVUS_MAX_BATCH_FILES,
    }


def recent(request: HttpRequest) -> list[Batch]:
    """The user's own, to go back to."""
    rows = Batch.objects.visible_to(request.user).standing().filter(created_by=request.user)
    return list(rows.select_related("patient")[:RECENT])


@signed_in
@require_POST
def batch_patient(request: HttpRequest) -> HttpResponse:
    """The fragment after the number was typed. A POST, because addresses end up in logs."""
    form = BatchForm(user=request.user, initial=request.POST.dict() | {"lesion": ""})
    number = request.POST.get("medical_record_number", "").strip()
    hospital = chosen_hospital(form, request.POST.get("hospital", ""))
    patient = patient_by_number(request.user, hospital, number) if number else None
    if patient is not None:
        note_patient(request, patient)
    context = fields_of(form, patient) | {"number": number, "refreshed": True}
    return render(request, "diagnoses/new_patient.html", context)


@signed_in
@require_POST
def batch_file(request: HttpRequest, pk) -> HttpResponse:
    """One file, sent by the script with a key of its own; told in JSON what became of it."""
    try:
        batch = get_visible(Batch.objects.with_records(), request.user, pk=pk)
        file = request.FILES.get("file")
        key = request.headers.get("Idempotency-Key", "")
        if file is None or not 0 < len(key) <= 100 or not key.isprintable():
            raise FieldError("invalid", _("Send one file with an Idempotency-Key."), field="file")
        sent = {"file": file, "name": file.name or "", "key": key}
        instead = refused_file(request, batch)
        row = add_file(actor=request.user, batch=batch, instead=instead, **sent)
    except DomainError as error:
        headers = {"Retry-After": str(error.seconds)} if isinstance(error, RetryError) else None
        body = {"code": error.code, "message": error.message}
        return JsonResponse(body, status=error.status, headers=headers)
    outcome = outcome_of(batch, row, clean_name(file.name or ""), known=row.key != key)
    return JsonResponse(outcome, status=201)


def outcome_of(batch: Batch, row: BatchFile, name: str, *, known: bool) -> dict[str, Any]:
    """``warnings`` are about the picture, long before there is an answer; ``name`` is that of the
    file which was sent, whose picture may have come under another one; ``known`` tells that it
    was there before this file."""
    if row.image is None:
        return {"stored": False, "code": row.error_code, "message": row.refusal}
    found = warnings_for(
        quality=row.image.quality,
        image_type=row.image.image_type,
        manifest=batch.model_version.manifest,
        age=batch.patient.age,
        site=row.image.lesion.anatom_site,
    )
    warnings = [warning.message for warning in found]
    if row.name != name:
        warnings.insert(0, _("The same picture as %(name)s, read once.") % {"name": row.name})
    elif known:
        warnings.insert(0, _("It is in this batch already."))
    return {"stored": True, "known": known, "warnings": warnings}


@signed_in
@require_safe
def batch(request: HttpRequest, pk) -> HttpResponse:
    """With htmx only the grid; 204 while nothing changed."""
    found = get_visible(Batch.objects.with_records(), request.user, pk=pk)
    stage = stage_of(found)
    if is_fragment(request) and request.GET.get("seen") == stage:
        return HttpResponse(status=204)
    hospital = found.patient.hospital_id
    record_event(actor=request.user, action="view_batch", hospital=hospital, obj=found)
    progress = progress_of(found)
    view = view_of(request.GET)
    order = progress.order(view.get("sort"))
    chosen = chosen_of(choices(), view.get("show"))
    wanted = list(filter(chosen.holds, progress.in_order(order)))
    page = numbered_page(request, wanted, CARDS_A_PAGE, attrgetter("file"))
    entries = with_retaken(found, filled(found, page.object_list))
    number_lesions([entry.request.image.lesion for entry in entries if entry.request])
    sort = {name: value for name, value in view.items() if name == "sort"}
    here = view | ({"page": str(page.number)} if page.number > 1 else {})
    context = {
        "batch": found,
        "patient": found.patient,
        "progress": progress,
        "outcomes": outcomes(progress),
        "tallies": tallies_of(choices(), progress.lines, chosen, sort),
        "show": chosen.show,
        "page": page,
        "entries": entries,
        "order": order,
        "other_order": query_of(view | {"sort": "name" if order == "importance" else "importance"}),
        "chosen_order": view.get("sort"),
        "here": query_of(here),
        "back": results_address(found.pk, here),
        "again": query_of(here | {"seen": stage}),
        "from_here": query_of({"batch": str(found.pk)} | view),
        "known": known_of(request),
        "silent": progress.waiting and not readers_alive(),
    } | standing_of(request, found.holder)
    template = "batches/grid.html" if is_fragment(request) else "batches/batch.html"
    return render(request, template, context)


def known_of(request: HttpRequest) -> int:
    """How many of the pictures that were just sent were there before, as the script tells."""
    text = request.GET.get("known", "")
    return int(text) if text.isdecimal() and len(text) < 5 else 0


def choices() -> list[Choice]:
    return [
        Choice("", pgettext("pictures", "All"), lambda line: True),
        Choice("suspicious", _("Suspicious"), SHOWN["suspicious"]),
        Choice("to_review", _("To review"), SHOWN["to_review"]),
        Choice("unanswered", _("Not answered"), SHOWN["unanswered"]),
    ]


def outcomes(progress: Progress) -> list[str]:
    """What became of the files that were sent, each outcome by its name; they add up to all."""
    counts, refused = progress.counts, progress.refused
    read, unlike = counts[Status.SUCCEEDED], counts[Status.REJECTED] - refused
    waiting, reading = counts[Status.QUEUED], counts[Status.RUNNING]
    failed, cancelled = counts[Status.FAILED], counts[Status.CANCELLED]
    again = progress.again
    said = [
        (read, ngettext("%(n)d read", "%(n)d read", read)),
        (reading, ngettext("%(n)d being read", "%(n)d being read", reading)),
        (waiting, ngettext("%(n)d waiting", "%(n)d waiting", waiting)),
        (
            unlike,
            ngettext("%(n)d not readable as a lesion", "%(n)d not readable as a lesion", unlike),
        ),
        (refused, ngettext("%(n)d refused", "%(n)d refused", refused)),
        (failed, ngettext("%(n)d failed", "%(n)d failed", failed)),
        (cancelled, ngettext("%(n)d cancelled", "%(n)d cancelled", cancelled)),
        (
            again,
            ngettext("%(n)d the same as another", "%(n)d the same as another", again),
        ),
    ]
    return [text % {"n": n} for n, text in said if n]


@signed_in
@require_POST
def batch_repeat(request: HttpRequest, pk, file) -> HttpResponse:
    row = visible_file(request, pk, file)
    repeat_file(actor=request.user, file=row)
    messages.success(request, _("A new reading is ordered."))
    return redirect(results_address(pk, place_of(request.GET)))


@signed_in
@require_POST
def batch_forget(request: HttpRequest, pk, file) -> HttpResponse:
    row = visible_file(request, pk, file)
    forget_file(actor=request.user, file=row)
    messages.success(request, _("“%(name)s” is off the list.") % {"name": row.name})
    return redirect(results_address(pk, place_of(request.GET)))


def visible_file(request: HttpRequest, pk: UUID, file: UUID) -> BatchFile:
    found = get_visible(Batch.objects.with_records(), request.user, pk=pk)
    row = found.files.select_related("image__lesion__patient").filter(pk=file).first()
    if row is None:
        raise DomainError("not_found", _("There is no such record."), status=404)
    row.batch = found
    return row
