"""Lesions, with their place on the body map."""

import uuid
from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.api.base import in_shape
from clinic.api.fields import FractionField, IdField, NumberField, RecordSerializer, WordField
from clinic.api.idempotency import idempotent
from clinic.api.rules import rule
from clinic.api.standing import ErrorField, RetractableViewSet, StandingQuerySerializer
from clinic.models import Hospital, Lesion, Patient
from clinic.services.fields import check_not_in_future
from clinic.services.lesions import create_lesion, update_lesion
from clinic.vocabulary import BodyView


class BodyMapSerializer(serializers.Serializer):
    """A point on the figure: 0 to 1 from the left and from the top of that view."""

    view = WordField(choices=BodyView.choices)
    x = FractionField()
    y = FractionField()


@extend_schema_field(BodyMapSerializer)
class BodyMapField(serializers.Field):
    """Three columns as one object, or null."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, source="*", required=False, allow_null=True)

    def to_representation(self, lesion: Lesion) -> dict[str, Any] | None:
        if lesion.body_view is None:
            return None
        return {"view": lesion.body_view, "x": lesion.body_x, "y": lesion.body_y}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if data is None:
            return {"body_view": None, "body_x": None, "body_y": None}
        try:
            point = in_shape(BodyMapSerializer(data=data))
        except serializers.ValidationError as error:
            raise serializers.ValidationError(of_parts(error.detail)) from error
        return {f"body_{name}": value for name, value in point.items()}


def of_parts(detail: Any) -> list[ErrorDetail]:
    """What is wrong with a point, in one list: each message says of which part it is."""
    parts = BodyMapSerializer().fields
    return [
        ErrorDetail(f"{name}: {text}" if name in parts else text, text.code)
        for name, texts in detail.items()
        for text in texts
    ]


class LesionSerializer(RecordSerializer):
    patient = IdField(source="patient_id", help_text="Cannot be changed later.")
    hospital = serializers.UUIDField(source="hospital_id", read_only=True)
    body_map = BodyMapField()
    diameter_mm = NumberField(
        max_digits=5,
        decimal_places=2,
        required=False,
        allow_null=True,
        validators=Lesion._meta.get_field("diameter_mm").validators,
    )
    entered_in_error = ErrorField()

    validate_first_noticed = rule(partial(check_not_in_future, field="first_noticed"))

    class Meta:
        model = Lesion
        fields = (
            "id",
            "patient",
            "hospital",
            "label",
            "anatom_site",
            "laterality",
            "body_map",
            "diameter_mm",
            "first_noticed",
            "notes",
            "created_at",
            "entered_in_error",
        )


class LesionQuerySerializer(StandingQuerySerializer):
    patient = IdField(required=False)
    hospital = IdField(required=False)


@extend_schema_view(retrieve=extend_schema(summary="Show a lesion"))
class LesionViewSet(RetractableViewSet):
    noun, plural, route = "lesion", "lesions", "api-lesion"
    serializer_class = LesionSerializer
    query_serializer_class = LesionQuerySerializer

    def get_records(self) -> Any:
        return Lesion.objects.all()

    def hospital_of(self, record: Lesion) -> uuid.UUID:
        return record.hospital_id

    def filter_rows(self, rows: Any, query: dict[str, Any]) -> Any:
        rows = super().filter_rows(rows, query)
        return self.filter_by(
            rows,
            query,
            patient=(Patient.objects, "patient"),
            hospital=(Hospital.objects, "hospital"),
        )

    @extend_schema(summary="List lesions, newest first", parameters=[LesionQuerySerializer])
    def list(self, request: Request) -> Response:
        return super().list(request)

    @extend_schema(summary="Record a lesion of a patient", responses={201: LesionSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        fields = self.read_body()
        patient = self.find(Patient.objects, {"patient": fields.pop("patient_id")}, "patient")
        return self.created(create_lesion(actor=request.user, patient=patient, **fields))

    @extend_schema(summary="Describe a lesion anew")
    def partial_update(self, request: Request, pk: str) -> Response:
        lesion = self.get_object()
        fields = self.read_body(lesion, partial=True)
        fields.pop("patient_id", None)
        lesion = update_lesion(actor=request.user, lesion=lesion, **fields)
        return Response(self.get_serializer(lesion).data)
