"""The printable report of one patient."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from clinic.models import Patient
from clinic.permissions import get_visible
from clinic.services.audit import record_event
from clinic.views.access import signed_in
from diagnosis.documents.patient import patient_pdf
from diagnosis.services.patient_records import report_cards


@signed_in
@require_safe
def patient_document(request: HttpRequest, pk) -> HttpResponse:
    found = get_visible(Patient.objects.select_related("hospital"), request.user, pk=pk)
    content = patient_pdf(
        found, report_cards(request.user, found), author=request.user.display_name
    )
    record_event(
        actor=request.user,
        action="export_patient_report",
        hospital=found.hospital_id,
        obj=found,
        details={"format": "pdf"},
    )
    # a file name is seen by more people than the file: no name and no number of the patient
    name = f"patient-report-{timezone.localdate().isoformat()}.pdf"
    return HttpResponse(
        content,
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{name}"'},
    )
