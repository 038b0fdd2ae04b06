"""New diagnosis: patient, lesion and picture on one page, and the order for a reading."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Max, Q
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from clinic.errors import DomainError
from clinic.forms.patients import patient_by_number
from clinic.models import Image, Lesion, Patient
from clinic.permissions import get_visible, require_record
from clinic.services.audit import record_event
from clinic.services.entered_in_error import require_standing
from clinic.services.lesions import number_lesions
from clinic.views.access import go_to, is_fragment, signed_in
from diagnosis.forms.new_diagnosis import NewDiagnosisForm, WhoseForm
from diagnosis.models import DiagnosisRequest
from diagnosis.services.model_versions import without_model
from diagnosis.services.requests import record_and_request
from diagnosis.views.from_batch import batch_query

MAXIMUM_CHOICES = 200
SAME_PICTURES = 20


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def diagnosis_create(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return order(request)
    lesion, patient = asked_for(request)
    form = NewDiagnosisForm(user=request.user, initial=initial_of(patient, lesion))
    return show(request, form, patient)


def order(request: HttpRequest) -> HttpResponse:
    if (tapped := NewDiagnosisForm.tapped(request.POST)) is not None:
        form = NewDiagnosisForm(user=request.user, initial=tapped)
        return show(request, form, typed_patient(form))
    form = NewDiagnosisForm(request.POST, request.FILES, user=request.user)
    if form.is_valid():
        arguments = form.submit(form.order)
        if arguments is not None:
            made = form.submit(record_and_request, **arguments)
            if made is not None:
                tell_same_picture(request, made)
                address = reverse("diagnosis", args=[made.pk]) + batch_query(request.GET)
                return go_to(request, redirect(address))
    form.check_picture()
    patient = typed_patient(form)
    if patient is not None:
        note_patient(request, patient)
    return show(request, form, patient)


def tell_same_picture(request: HttpRequest, made: DiagnosisRequest) -> None:
    """Within a lesion it is refused; for another lesion, or another patient of the hospital, it is
    most likely a slip."""
    image = made.image
    same = Image.objects.visible_to(request.user).standing().exclude(pk=image.pk)
    same = same.filter(hospital=image.hospital_id, sha256=image.sha256)
    found = list(same.select_related("lesion__patient")[:SAME_PICTURES])
    if not found:
        return
    own = image.lesion.patient
    other = next((one for one in found if one.lesion.patient_id == own.pk), found[0])
    values = {"date": f"{localtime(other.taken):%Y-%m-%d}"}
    if other.lesion.patient_id == own.pk:
        words = _("This picture was recorded for the patient before: %(lesion)s, %(date)s.")
        values["lesion"] = other.lesion.title
    else:
        words = _("This picture was recorded for another patient before: %(patient)s, %(date)s.")
        patient = other.lesion.patient
        # their name is shown
        note_patient(request, patient)
        values["patient"] = patient.name or patient.medical_record_number
    messages.warning(request, words % values)


def show(request: HttpRequest, form: NewDiagnosisForm, patient: Patient | None) -> HttpResponse:
    template = "diagnoses/new_form.html" if is_fragment(request) else "diagnoses/new.html"
    # said before anything is typed; a refused form says it itself
    unread = [] if form.is_bound else without_model(form.hospitals)
    context = panel(form, patient) | {"without_model": unread, "keeps_file": is_fragment(request)}
    context["from_batch"] = batch_query(request.GET)
    return render(request, template, context, status=form.status)


@signed_in
@require_POST
def patient_lookup(request: HttpRequest) -> HttpResponse:
    """The fragment after the number was typed. A POST, because addresses end up in logs."""
    form = NewDiagnosisForm(user=request.user, initial=request.POST.dict() | {"lesion": ""})
    number = request.POST.get("medical_record_number", "").strip()
    hospital = chosen_hospital(form, request.POST.get("hospital", ""))
    patient = patient_by_number(request.user, hospital, number) if number else None
    if patient is not None:
        note_patient(request, patient)
    context = panel(form, patient) | {"number": number, "refreshed": True}
    if patient is None and "sex" in request.POST:
        # the fields of a new patient stand there: somebody may be typing into them
        answer = render(request, "diagnoses/still_new.html", context)
        answer["HX-Reswap"] = "none"
        return answer
    return render(request, "diagnoses/new_patient.html", context)


def chosen_hospital(form: WhoseForm, key: str) -> Any:
    keys = {str(hospital.pk): hospital.pk for hospital in form.hospitals}
    return keys.get(key, form.hospitals[0].pk)


def asked_for(request: HttpRequest) -> tuple[Lesion | None, Patient | None]:
    """The lesion and patient of ``?lesion=`` or ``?patient=``; a 404 where they are not visible."""
    if key := request.GET.get("lesion"):
        lesions = Lesion.objects.select_related("patient__hospital")
        lesion = find(lesions, request, key)
        return lesion, lesion.patient
    if key := request.GET.get("patient"):
        return None, find(Patient.objects.select_related("hospital"), request, key)
    return None, None


def asking_for(holder: Lesion | Patient | None) -> str:
    """The query that asked_for answers with it."""
    if holder is None:
        return ""
    return f"?{'lesion' if isinstance(holder, Lesion) else 'patient'}={holder.pk}"


def find(queryset, request: HttpRequest, key: str) -> Any:
    try:
        found = get_visible(queryset, request.user, pk=UUID(key))
    except ValueError as error:
        message = _("There is no such record.")
        raise DomainError("not_found", message, status=404) from error
    patient = found if isinstance(found, Patient) else found.patient
    require_record(request.user, patient.hospital_id)
    note_patient(request, patient)
    require_standing(found)
    return found


def note_patient(request: HttpRequest, patient: Patient) -> None:
    record_event(
        actor=request.user,
        action="view_patient",
        hospital=patient.hospital_id,
        obj=patient,
        details={"page": "new_diagnosis"},
    )


def initial_of(patient: Patient | None, lesion: Lesion | None) -> dict[str, Any]:
    if patient is None:
        return {}
    return {
        "hospital": patient.hospital_id,
        "medical_record_number": patient.medical_record_number,
        "lesion": lesion.pk if lesion else "",
    }


def typed_patient(form: WhoseForm) -> Patient | None:
    """The patient of a form that comes back with errors: known ones stay known."""
    number = form["medical_record_number"].value() or ""
    hospital = chosen_hospital(form, str(form["hospital"].value() or ""))
    return patient_by_number(form.user, hospital, number) if number else None


def panel(form: NewDiagnosisForm, patient: Patient | None) -> dict[str, Any]:
    return {
        "form": form,
        "patient": patient,
        "lesions": lesions_of(patient) if patient else [],
        "chosen_lesion": str(form["lesion"].value() or ""),
        "limit_mb": settings.NEVUS_MAX_UPLOAD_BYTES // 1024**2,
    }


def lesions_of(patient: Patient) -> list[Lesion]:
    taken = Coalesce("images__captured_at", "images__created_at")
    shown = Q(images__entered_in_error_at__isnull=True)
    lesions = Lesion.objects.standing().filter(patient=patient)
    lesions = lesions.annotate(
        pictures=Count("images", filter=shown),
        last_picture=Max(taken, filter=shown),
    )
    found = list(lesions.order_by("-last_picture", "-created_at")[:MAXIMUM_CHOICES])
    number_lesions(found)
    return found
