"""Histopathology of a lesion, at the lesion's address."""

import uuid
from functools import partial

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.api.base import ApiViewSet, find_visible
from clinic.api.fields import RecordSerializer, WordField
from clinic.api.idempotency import idempotent
from clinic.api.rules import rule
from clinic.models import Lesion
from clinic.services.audit import record_event
from clinic.services.fields import check_not_in_future
from diagnosis.api.shapes import CONCLUSIONS
from diagnosis.models import Histopathology
from diagnosis.services.histopathology import record_histopathology


class HistopathologySerializer(RecordSerializer):
    lesion = serializers.UUIDField(source="lesion_id", read_only=True)
    diagnosis = WordField(choices=CONCLUSIONS)
    recorded_by = serializers.UUIDField(source="recorded_by_id", read_only=True)

    validate_date = rule(partial(check_not_in_future, field="date"))

    class Meta:
        model = Histopathology
        fields = (
            "id",
            "lesion",
            "diagnosis",
            "confirmed_by",
            "date",
            "notes",
            "recorded_by",
            "created_at",
        )


# not one page of many
@extend_schema_serializer(many=False)
class HistopathologyListSerializer(serializers.Serializer):
    results = HistopathologySerializer(many=True)


class LesionHistopathologyViewSet(ApiViewSet):
    serializer_class = HistopathologySerializer
    queryset = Histopathology.objects.none()  # for the schema: the lesion leads to the findings

    def get_lesion(self) -> Lesion:
        lesions = Lesion.objects.select_related("patient")
        return find_visible(lesions, self.request.user, self.kwargs["pk"])

    @extend_schema(
        summary="The lesion's findings, the newest first: that one counts",
        responses=HistopathologyListSerializer,
    )
    def list(self, request: Request, pk: uuid.UUID) -> Response:
        lesion = self.get_lesion()
        body = self.get_serializer(lesion.histopathology.all(), many=True).data
        record_event(
            actor=request.user,
            action="view_lesion",
            hospital=lesion.hospital_id,
            obj=lesion,
            details={"part": "histopathology"},
        )
        return Response({"results": body})

    @extend_schema(
        summary="Record what the pathologist found", responses={201: HistopathologySerializer}
    )
    @idempotent
    def create(self, request: Request, pk: uuid.UUID) -> Response:
        lesion = self.get_lesion()
        finding = record_histopathology(actor=request.user, lesion=lesion, **self.read_body())
        return Response(self.get_serializer(finding).data, status=201)
