"""Patients."""

import uuid
from functools import partial
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.api.fields import IdField, RecordSerializer
from clinic.api.idempotency import idempotent
from clinic.api.rules import rule
from clinic.api.standing import ErrorField, RetractableViewSet, StandingQuerySerializer
from clinic.errors import FieldError
from clinic.models import Hospital, Patient
from clinic.permissions import denied, hospital_ids
from clinic.services.patients import (
    check_birth_date,
    check_name,
    check_number,
    create_patient,
    update_patient,
)


class PatientSerializer(RecordSerializer):
    hospital = IdField(
        source="hospital_id",
        required=False,
        help_text="May be left out by who records at one hospital only. Cannot be changed later.",
    )
    entered_in_error = ErrorField()

    validate_medical_record_number = rule(check_number)
    validate_given_name = rule(partial(check_name, field="given_name"))
    validate_family_name = rule(partial(check_name, field="family_name"))
    validate_birth_date = rule(check_birth_date)

    class Meta:
        model = Patient
        fields = (
            "id",
            "hospital",
            "medical_record_number",
            "given_name",
            "family_name",
            "birth_date",
            "sex",
            "skin_type",
            "personal_history_of_melanoma",
            "family_history_of_melanoma",
            "created_at",
            "entered_in_error",
        )


class PatientQuerySerializer(StandingQuerySerializer):
    search = serializers.CharField(
        required=False,
        max_length=200,
        help_text="Each word begins the medical record number or a word of the names; the marks of "
        "letters do not matter.",
    )
    hospital = IdField(required=False)


@extend_schema_view(retrieve=extend_schema(summary="Show a patient"))
class PatientViewSet(RetractableViewSet):
    noun, plural, route = "patient", "patients", "api-patient"
    serializer_class = PatientSerializer
    query_serializer_class = PatientQuerySerializer

    def get_records(self) -> Any:
        return Patient.objects.all()

    def hospital_of(self, record: Patient) -> uuid.UUID:
        return record.hospital_id

    def filter_rows(self, rows: Any, query: dict[str, Any]) -> Any:
        rows = super().filter_rows(rows, query)
        rows = self.filter_by(rows, query, hospital=(Hospital.objects, "hospital"))
        return rows.search(query.get("search", ""))

    @extend_schema(summary="List patients, newest first", parameters=[PatientQuerySerializer])
    def list(self, request: Request) -> Response:
        return super().list(request)

    @extend_schema(summary="Record a patient", responses={201: PatientSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        fields = self.read_body()
        hospital = self.named_hospital(fields.pop("hospital_id", None))
        patient = create_patient(actor=request.user, hospital=hospital, **fields)
        return self.created(patient)

    @extend_schema(summary="Correct some fields of a patient")
    def partial_update(self, request: Request, pk: str) -> Response:
        patient = self.get_object()
        fields = self.read_body(patient, partial=True)
        fields.pop("hospital_id", None)
        patient = update_patient(actor=request.user, patient=patient, **fields)
        return Response(self.get_serializer(patient).data)

    def named_hospital(self, pk: str | None) -> Hospital:
        """The hospital of the body, else the only one at which the user may record."""
        if pk is not None:
            return self.find(Hospital.objects, {"hospital": pk}, "hospital")
        candidates = hospital_ids(self.request.user, "doctor", "integration")
        if not candidates:
            raise denied(_("Only a doctor or an integration of a hospital may record patients."))
        if len(candidates) > 1:
            message = _("You record at several hospitals: say at which one.")
            raise FieldError("hospital_required", message, field="hospital")
        return Hospital.objects.get(pk=candidates[0])
