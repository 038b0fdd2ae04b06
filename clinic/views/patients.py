"""Patients: found, recorded, corrected. The page of one patient is in diagnosis/views/records.py,
because it shows readings."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from clinic.forms.patients import NewPatientForm, PatientForm
from clinic.models import Patient
from clinic.models.patients import BY_NAME
from clinic.permissions import get_visible, require_record
from clinic.services.patients import create_patient, update_patient
from clinic.views.access import note_list, signed_in
from clinic.views.paging import page_of

MAXIMUM_SEARCH = 200


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def patients(request: HttpRequest) -> HttpResponse:
    """All by name, or those that a search finds: a POST, because addresses end up in logs. With
    ``?entered_in_error=`` those who no longer stand among them."""
    search = request.POST.get("q", "").strip()[:MAXIMUM_SEARCH]
    in_error = "entered_in_error" in request.GET
    found = Patient.objects.visible_to(request.user).in_error(in_error).search(search)
    page = page_of(found.with_order().select_related("hospital"), request, BY_NAME)
    note_list(request, "search_patients" if search else "list_patients", rows=len(page.rows))
    return render(
        request, "patients/list.html", {"page": page, "search": search, "in_error": in_error}
    )


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def patient_create(request: HttpRequest) -> HttpResponse:
    number = {"medical_record_number": request.GET.get("number", "")}
    form = NewPatientForm(request.POST or None, user=request.user, initial=number)
    if request.method == "POST" and form.is_valid():
        hospital = form.cleaned_data["hospital"]
        patient = form.submit(create_patient, actor=request.user, hospital=hospital, **form.values)
        if patient is not None:
            messages.success(request, _("The patient is recorded."))
            return redirect("patient", patient.pk)
    context = {"form": form, "known": form.known_patient(request.user)}
    return render(request, "patients/form.html", context, status=form.status)


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def patient_edit(request: HttpRequest, pk) -> HttpResponse:
    patient = get_visible(Patient.objects, request.user, pk=pk)
    require_record(request.user, patient.hospital_id)
    title = patient.name or patient.medical_record_number
    form = PatientForm.of(patient, request.POST or None)
    if request.method == "POST" and form.is_valid():
        saved = form.submit(
            update_patient,
            actor=request.user,
            patient=patient,
            seen=form.cleaned_data["seen"],
            **form.values,
        )
        if saved is not None:
            messages.success(request, _("The patient is corrected."))
            return redirect("patient", patient.pk)
    known = form.known_patient(request.user, patient)
    context = {"form": form, "patient": patient, "title": title, "known": known}
    return render(request, "patients/form.html", context, status=form.status)
