"""Model versions and their cards; an administrator makes one the reader of a hospital."""

import uuid
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.api.base import ApiViewSet, find_visible, in_shape
from clinic.api.fields import IdField, RecordSerializer
from clinic.api.idempotency import idempotent
from clinic.api.rules import no_such_record
from clinic.models import Hospital, Scope
from clinic.permissions import hospital_ids
from diagnosis.interpretation import label_name
from diagnosis.models import ModelPolicy, ModelVersion
from diagnosis.services.model_versions import activate_model, retire_model
from ml.taxonomy import BY_CODE

OBJECT = OpenApiTypes.OBJECT


class ClassSerializer(serializers.Serializer):
    code = serializers.CharField()
    label = serializers.CharField()
    name = serializers.CharField()
    malignant = serializers.BooleanField()


class ModelVersionSerializer(RecordSerializer):
    """What the checkpoint's manifest says, and where the model reads."""

    recipe = serializers.CharField(source="manifest.recipe")
    parameters = serializers.IntegerField(source="manifest.parameters")
    classes = serializers.SerializerMethodField()
    input = serializers.SerializerMethodField(help_text="How a picture is prepared.")
    data = serializers.SerializerMethodField(help_text="What it was trained on.")
    metrics = serializers.SerializerMethodField()
    subgroups = serializers.SerializerMethodField()
    calibration = serializers.SerializerMethodField()
    thresholds = serializers.DictField(child=serializers.FloatField())
    intended_use = serializers.CharField(source="manifest.intended_use")
    limits = serializers.ListField(child=serializers.CharField(), source="manifest.limits")
    active_for = serializers.SerializerMethodField(
        help_text="Of the hospitals that you see, those for which it reads."
    )

    class Meta:
        model = ModelVersion
        fields = (
            "id",
            "name",
            "version",
            "recipe",
            "parameters",
            "sha256",
            "classes",
            "input",
            "data",
            "metrics",
            "subgroups",
            "calibration",
            "thresholds",
            "intended_use",
            "limits",
            "active_for",
            "created_at",
        )

    @extend_schema_field(ClassSerializer(many=True))
    def get_classes(self, model: ModelVersion) -> list[dict[str, Any]]:
        return [
            {
                "code": entry.code,
                "label": entry.label,
                "name": label_name(entry.label),
                "malignant": entry.malignant,
            }
            for entry in (BY_CODE[code] for code in model.manifest["classes"])
        ]

    @extend_schema_field(OBJECT)
    def get_input(self, model: ModelVersion) -> dict[str, Any]:
        return model.manifest["preprocessing"]

    @extend_schema_field(OBJECT)
    def get_data(self, model: ModelVersion) -> dict[str, Any]:
        return model.manifest["data"]

    @extend_schema_field(OBJECT)
    def get_metrics(self, model: ModelVersion) -> dict[str, Any]:
        return model.manifest["metrics"]

    @extend_schema_field(OBJECT)
    def get_subgroups(self, model: ModelVersion) -> dict[str, Any]:
        return model.manifest["subgroups"]

    @extend_schema_field(OBJECT)
    def get_calibration(self, model: ModelVersion) -> dict[str, Any]:
        return model.manifest["calibration"]

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_active_for(self, model: ModelVersion) -> list[uuid.UUID]:
        return self.context["active_for"].get(model.pk, [])


class ModelCardSerializer(ModelVersionSerializer):
    card = serializers.CharField(help_text="The model card, in Markdown.")

    class Meta(ModelVersionSerializer.Meta):
        fields = (*ModelVersionSerializer.Meta.fields, "card")


class ActivationSerializer(serializers.Serializer):
    hospital = IdField()


def find_model(pk: Any, *, field: str = "") -> ModelVersion:
    """Model versions are the platform's own: every user sees them all."""
    try:
        model = ModelVersion.objects.filter(pk=uuid.UUID(str(pk))).first()
    except ValueError:
        model = None
    if model is None:
        raise no_such_record(field)
    return model


class ModelVersionViewSet(ApiViewSet):
    serializer_class = ModelVersionSerializer
    scopes = {"activate": Scope.ADMIN, "retire": Scope.ADMIN}

    def get_queryset(self) -> Any:
        return ModelVersion.objects.defer("card")

    def get_serializer_context(self) -> dict[str, Any]:
        """With the hospitals of each model, in one query for all."""
        active: dict[uuid.UUID, list[uuid.UUID]] = {}
        visible = ModelPolicy.objects.filter(hospital__in=hospital_ids(self.request.user))
        for model, hospital in visible.order_by("hospital_id").values_list(
            "model_version_id", "hospital_id"
        ):
            active.setdefault(model, []).append(hospital)
        return super().get_serializer_context() | {"active_for": active}

    @extend_schema(summary="List the model versions, newest first")
    def list(self, request: Request) -> Response:
        rows = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    @extend_schema(summary="Show a model version with its card", responses=ModelCardSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return self.answer(find_model(pk))

    @extend_schema(
        summary="Let it read for a hospital from now on",
        request=ActivationSerializer,
        responses=ModelCardSerializer,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def activate(self, request: Request, pk: str) -> Response:
        model, hospital = find_model(pk), self.named_hospital(request)
        activate_model(actor=request.user, hospital=hospital, model_version=model)
        return self.answer(model)

    @extend_schema(
        summary="Let it read for a hospital no longer",
        request=ActivationSerializer,
        responses=ModelCardSerializer,
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def retire(self, request: Request, pk: str) -> Response:
        model, hospital = find_model(pk), self.named_hospital(request)
        retire_model(actor=request.user, hospital=hospital, model_version=model)
        return self.answer(model)

    def named_hospital(self, request: Request) -> Hospital:
        fields = in_shape(ActivationSerializer(data=request.data))
        return find_visible(Hospital.objects, request.user, fields["hospital"], field="hospital")

    def answer(self, model: ModelVersion) -> Response:
        return Response(ModelCardSerializer(model, context=self.get_serializer_context()).data)
