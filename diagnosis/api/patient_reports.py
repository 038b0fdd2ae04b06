"""The report of one patient: every lesion with its pictures, readings, reviews and findings."""

import uuid
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.api.base import RecordViewSet
from clinic.api.hospitals import HospitalSerializer
from clinic.api.images import AnyType, ImageSerializer
from clinic.api.lesions import LesionSerializer
from clinic.api.patients import PatientSerializer
from clinic.errors import FieldError
from clinic.models import Patient
from diagnosis.api.histopathology import HistopathologySerializer
from diagnosis.api.shapes import DiagnosisSerializer
from diagnosis.documents.patient import patient_pdf, standing_sentence
from diagnosis.services.patient_records import Card, report_cards

FORMATS = ("json", "pdf")


class PictureReportSerializer(serializers.Serializer):
    image = ImageSerializer()
    diagnoses = DiagnosisSerializer(many=True, source="requests", help_text="Newest first.")


class LesionReportSerializer(serializers.Serializer):
    number = serializers.IntegerField(help_text="The same as in the PDF.")
    lesion = LesionSerializer()
    pictures = PictureReportSerializer(many=True, help_text="Newest first.")
    histopathology = HistopathologySerializer(
        many=True, source="lesion.histopathology.all", help_text="Newest first: that one counts."
    )


class PatientReportSerializer(serializers.Serializer):
    hospital = HospitalSerializer()
    patient = PatientSerializer()
    made_at = serializers.DateTimeField()
    note = serializers.CharField(help_text="What has to be read with every AI reading.")
    lesions = LesionReportSerializer(many=True, help_text="By body site.")


class PatientReportViewSet(RecordViewSet):
    noun = "patient"
    serializer_class = PatientReportSerializer
    content_negotiation_class = AnyType
    other_parameters = ("format",)

    def get_records(self) -> Any:
        return Patient.objects.select_related("hospital")

    def hospital_of(self, record: Patient) -> uuid.UUID:
        return record.hospital_id

    @extend_schema(
        operation_id="reports_patient_retrieve",
        summary="The printable report of one patient",
        parameters=[OpenApiParameter("format", str, enum=FORMATS, default="json")],
        responses={
            (200, "application/json"): PatientReportSerializer,
            (200, "application/pdf"): OpenApiTypes.BINARY,
        },
    )
    def retrieve(self, request: Request, pk: str) -> HttpResponseBase:  # type: ignore[override]
        wanted = request.query_params.get("format") or "json"
        if wanted not in FORMATS:
            message = _("The formats are: %(known)s.") % {"known": ", ".join(FORMATS)}
            raise FieldError("unknown_format", message, field="format")
        patient = self.get_object()
        cards = report_cards(request.user, patient)
        answer = self.as_pdf(patient, cards) if wanted == "pdf" else self.as_json(patient, cards)
        self.note_view("export_patient_report", patient, format=wanted)
        return answer

    def as_json(self, patient: Patient, cards: list[Card]) -> Response:
        for card in cards:
            join_records(patient, card)
        report = {
            "hospital": patient.hospital,
            "patient": patient,
            "made_at": timezone.now(),
            "note": standing_sentence(),
            "lesions": cards,
        }
        return Response(self.get_serializer(report).data)

    def as_pdf(self, patient: Patient, cards: list[Card]) -> HttpResponse:
        content = patient_pdf(patient, cards, author=self.request.user.display_name)
        response = HttpResponse(content, content_type="application/pdf")
        response["Content-Disposition"] = 'attachment; filename="patient-report.pdf"'
        return response


def join_records(patient: Patient, card: Card) -> None:
    """Let the records point to those that are here, instead of fetching each again."""
    card.lesion.patient = patient
    for picture in card.pictures:
        picture.image.lesion = card.lesion
        for request in picture.requests:
            request.image = picture.image
