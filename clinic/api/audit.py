"""Audit events, for administrators."""

import uuid
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.actions import ACTIONS
from clinic.api.base import ApiViewSet
from clinic.api.fields import IdField, RecordSerializer, WordField
from clinic.models import AuditEvent, Hospital, Scope
from clinic.periods import Period
from clinic.permissions import denied, hospital_ids, require_administer
from clinic.services.audit import record_event
from clinic.services.audit_log import ORDERING
from clinic.services.audit_records import keys_of_patients


class ActorSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    username = serializers.CharField()
    name = serializers.CharField(source="display_name")


class AuditEventSerializer(RecordSerializer):
    """``details`` holds keys, codes, days and counts; ``through`` and ``token`` there say that it
    was done through the API and by which token. ``hash`` is over this event and the one before, in
    the chain of the hospital."""

    hospital = serializers.UUIDField(source="hospital_id")
    actor = ActorSerializer(allow_null=True)
    details = serializers.DictField()

    class Meta:
        model = AuditEvent
        fields = (
            "hospital",
            "sequence",
            "at",
            "actor",
            "action",
            "object_type",
            "object_id",
            "address",
            "details",
            "previous_hash",
            "hash",
        )


class AuditQuerySerializer(serializers.Serializer):
    hospital = IdField(required=False)
    actor = serializers.UUIDField(required=False)
    action = WordField(choices=sorted(ACTIONS), required=False)
    object_id = serializers.UUIDField(required=False)
    patient = serializers.UUIDField(required=False)

    def get_fields(self) -> dict[str, serializers.Field]:
        # a word of Python cannot name an attribute
        days = {name: serializers.DateField(required=False) for name in ("from", "to")}
        return super().get_fields() | days


class AuditEventViewSet(ApiViewSet):
    serializer_class = AuditEventSerializer
    query_serializer_class = AuditQuerySerializer
    ordering = ORDERING
    read_scope = Scope.ADMIN

    def get_queryset(self) -> Any:
        return AuditEvent.objects.visible_to(self.request.user)

    def named_hospitals(self, query: dict[str, Any]) -> list[uuid.UUID]:
        """That of the query, else all that the user administers."""
        hospital = self.find(Hospital.objects, query, "hospital")
        if hospital is not None:
            require_administer(self.request.user, hospital.pk)
            return [hospital.pk]
        hospitals = sorted(hospital_ids(self.request.user, "administrator"))
        if not hospitals:
            raise denied(_("Only an administrator of a hospital may do this."))
        return hospitals

    @extend_schema(
        summary="List who did or saw what, the newest first",
        parameters=[
            OpenApiParameter("hospital", OpenApiTypes.UUID),
            OpenApiParameter("actor", OpenApiTypes.UUID),
            OpenApiParameter("action", str, enum=sorted(ACTIONS)),
            OpenApiParameter("object_id", OpenApiTypes.UUID, description="Of this record alone."),
            OpenApiParameter(
                "patient",
                OpenApiTypes.UUID,
                description="Of this patient, and of the patient's lesions, images, requests and "
                "other records.",
            ),
            OpenApiParameter("from", OpenApiTypes.DATE, description="On this day or later."),
            OpenApiParameter("to", OpenApiTypes.DATE, description="On this day or earlier."),
        ],
    )
    def list(self, request: Request) -> Response:
        query = self.read_query()
        hospitals = self.named_hospitals(query)
        period = Period(query.get("from"), query.get("to"))
        events = self.get_queryset().filter(hospital__in=hospitals)
        events = events.matching(query).filter(period.as_filter("at"))
        if query.get("patient"):
            events = events.of_records(keys_of_patients([query["patient"]]))
        page = self.paginate_queryset(events.select_related("actor"))
        body = self.get_serializer(page, many=True).data
        details = {"by": sorted(query)}
        for hospital in hospitals:
            record_event(
                actor=request.user, action="view_audit_log", hospital=hospital, details=details
            )
        return self.get_paginated_response(body)
