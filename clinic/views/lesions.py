"""Lesions: recorded and described. The page of one lesion is in diagnosis/views/records.py."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from clinic.forms.lesions import LesionForm, SizeForm, asked_place
from clinic.models import Image, Lesion, Patient
from clinic.permissions import get_visible, require_record
from clinic.services.images import measure_image
from clinic.services.lesions import create_lesion, number_lesions, update_lesion
from clinic.views.access import signed_in


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def lesion_create(request: HttpRequest, pk) -> HttpResponse:
    """``pk`` is the patient's."""
    patient = get_visible(Patient.objects, request.user, pk=pk)
    require_record(request.user, patient.hospital_id)
    form = lesion_form(request, asked_place(request.GET))
    if form.is_bound and form.is_valid():
        lesion = form.submit(create_lesion, actor=request.user, patient=patient, **form.values)
        if lesion is not None:
            messages.success(request, _("The lesion is recorded."))
            return redirect("lesion", lesion.pk)
    context = {"form": form, "patient": patient, "lesions": placed_lesions(patient)}
    return render(request, "lesions/form.html", context, status=form.status)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def lesion_edit(request: HttpRequest, pk) -> HttpResponse:
    lesion = get_visible(Lesion.objects.select_related("patient"), request.user, pk=pk)
    require_record(request.user, lesion.hospital_id)
    title = lesion.title
    form = lesion_form(request, LesionForm.values_of(lesion))
    if form.is_bound and form.is_valid():
        seen = form.cleaned_data["seen"]
        saved = form.submit(
            update_lesion, actor=request.user, lesion=lesion, seen=seen, **form.values
        )
        if saved is not None:
            messages.success(request, _("The lesion is described anew."))
            return redirect("lesion", lesion.pk)
    context = {"form": form, "patient": lesion.patient, "lesion": lesion, "title": title}
    context["lesions"] = placed_lesions(lesion.patient, without=lesion)
    return render(request, "lesions/form.html", context, status=form.status)


@signed_in
@require_POST
def image_size(request: HttpRequest, pk) -> HttpResponse:
    """How large the lesion is on one picture; back to its row on the page of the lesion."""
    image = get_visible(Image.objects.select_related("lesion__patient"), request.user, pk=pk)
    form = SizeForm(request.POST)
    saved = form.is_valid() and form.submit(
        measure_image,
        actor=request.user,
        image=image,
        diameter_mm=form.cleaned_data["diameter_mm"],
    )
    if saved:
        messages.success(request, _("The size is kept."))
    else:
        for text in (text for texts in form.errors.values() for text in texts):
            messages.error(request, text)
    return redirect(f"{reverse('lesion', args=[image.lesion_id])}#image-{image.pk}")


def placed_lesions(patient: Patient, *, without: Lesion | None = None) -> list[Lesion]:
    """What stands on the patient's figure, numbered."""
    standing = Lesion.objects.standing().filter(patient=patient, body_view__isnull=False)
    found = list(standing.exclude(pk=without.pk) if without else standing)
    number_lesions(found)
    return found


def lesion_form(request: HttpRequest, initial: dict[str, Any]) -> LesionForm:
    """The form as it was sent; a tap on the figure gives it back with the place marked."""
    if request.method != "POST":
        return LesionForm(initial=initial)
    tapped = LesionForm.tapped(request.POST)
    return LesionForm(initial=tapped) if tapped else LesionForm(request.POST)
