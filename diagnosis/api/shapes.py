"""A diagnosis request as docs/api.md draws it."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from clinic.api.fields import IdField, RecordSerializer, WordField
from clinic.api.rules import rule
from clinic.api.standing import ErrorField
from diagnosis.failures import failure_message
from diagnosis.interpretation import Risk, interpret
from diagnosis.models import DiagnosisRequest, Management, Priority, Review
from diagnosis.services.reviews import (
    check_conclusion,
    check_management,
    check_notes,
    check_recall,
)
from diagnosis.warned import warnings_of
from ml.taxonomy import BY_ANSWER, BY_LABEL

LABELS = [(label, entry.name) for label, entry in BY_ANSWER.items()]
CONCLUSIONS = [(label, entry.name) for label, entry in BY_LABEL.items()]
PRIORITIES = {entry.name.lower(): entry for entry in Priority}


class WarningSerializer(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()


class RankedClassSerializer(serializers.Serializer):
    label = WordField(choices=LABELS)
    name = serializers.CharField()
    probability = serializers.FloatField()
    malignant = serializers.BooleanField()


class PredictionSerializer(serializers.Serializer):
    """Probabilities are over exactly the model's classes and sum to 1."""

    label = WordField(choices=LABELS)
    probability = serializers.FloatField()
    probabilities = serializers.DictField(child=serializers.FloatField())
    malignancy_probability = serializers.FloatField()
    set = serializers.ListField(
        child=WordField(choices=LABELS), help_text="The classes that are likely, likeliest first."
    )
    uncertain = serializers.BooleanField()
    risk = serializers.ChoiceField(choices=[entry.value for entry in Risk])
    recommendation = serializers.CharField()
    warnings = WarningSerializer(many=True)
    ranked = RankedClassSerializer(many=True)
    patient_images_used = serializers.IntegerField(
        allow_null=True,
        help_text="The patient's other images that the model looked at too; null for a model that "
        "looks at one image alone.",
    )


class FailureSerializer(serializers.Serializer):
    code = serializers.CharField()
    message = serializers.CharField()


class ModelSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.CharField()


class ReviewSerializer(RecordSerializer):
    conclusion = WordField(choices=CONCLUSIONS)
    management = WordField(choices=Management.choices)
    signed = serializers.BooleanField(source="is_signed")
    signed_by = serializers.UUIDField(source="signed_by_id", allow_null=True)
    signed_by_name = serializers.SerializerMethodField()
    amends = serializers.UUIDField(source="amends_id", allow_null=True)
    agrees = serializers.SerializerMethodField(
        help_text="Whether the doctor concluded the model's class; null where it gave none."
    )

    class Meta:
        model = Review
        fields = (
            "id",
            "conclusion",
            "management",
            "notes",
            "recall_on",
            "signed",
            "signed_by",
            "signed_by_name",
            "signed_at",
            "amends",
            "agrees",
        )

    def get_signed_by_name(self, review: Review) -> str | None:
        return review.signed_by.display_name if review.signed_by is not None else None

    def get_agrees(self, review: Review) -> bool | None:
        prediction = review.request.prediction
        return None if prediction is None else review.conclusion == prediction.label


# one for all rows: to build its fields takes longer than to write a row
REVIEW = ReviewSerializer()


class DiagnosisSerializer(RecordSerializer):
    priority = serializers.SerializerMethodField()
    image = serializers.UUIDField(source="image_id")
    lesion = serializers.UUIDField(source="image.lesion_id")
    patient = serializers.UUIDField(source="image.lesion.patient_id")
    hospital = serializers.UUIDField(source="hospital_id")
    model = ModelSerializer(source="model_version")
    requested_by = serializers.UUIDField(source="requested_by_id")
    failure = serializers.SerializerMethodField()
    prediction = serializers.SerializerMethodField()
    review = serializers.SerializerMethodField()
    entered_in_error = ErrorField(source="image")

    class Meta:
        model = DiagnosisRequest
        fields = (
            "id",
            "status",
            "priority",
            "image",
            "lesion",
            "patient",
            "hospital",
            "model",
            "requested_by",
            "created_at",
            "started_at",
            "finished_at",
            "failure",
            "prediction",
            "review",
            "entered_in_error",
        )

    @extend_schema_field(serializers.ChoiceField(choices=list(PRIORITIES)))
    def get_priority(self, request: DiagnosisRequest) -> str:
        return Priority(request.priority).name.lower()

    @extend_schema_field(FailureSerializer(allow_null=True))
    def get_failure(self, request: DiagnosisRequest) -> dict[str, str] | None:
        if not request.failure_code:
            return None
        return {"code": request.failure_code, "message": failure_message(request.failure_code)}

    @extend_schema_field(PredictionSerializer(allow_null=True))
    def get_prediction(self, request: DiagnosisRequest) -> dict[str, Any] | None:
        return prediction_of(request)

    @extend_schema_field(ReviewSerializer(allow_null=True))
    def get_review(self, request: DiagnosisRequest) -> dict[str, Any] | None:
        return review_of(request)


def prediction_of(request: DiagnosisRequest) -> dict[str, Any] | None:
    """What the model answered, read with the thresholds of its version."""
    prediction = request.prediction
    if prediction is None:
        return None
    warnings = warnings_of(request)
    reading = interpret(
        prediction.probabilities, prediction.malignancy_probability, request.thresholds, warnings
    )
    return {
        "label": prediction.label,
        "probability": prediction.probability,
        "probabilities": prediction.probabilities,
        "malignancy_probability": prediction.malignancy_probability,
        "set": reading.prediction_set,
        "uncertain": reading.uncertain,
        "risk": reading.risk.value,
        "recommendation": reading.recommendation,
        "warnings": [asdict(warning) for warning in warnings],
        "ranked": [asdict(entry) for entry in reading.ranked],
        "patient_images_used": prediction.others_used,
    }


def review_of(request: DiagnosisRequest) -> dict[str, Any] | None:
    """The review that counts, or None."""
    review = request.review
    if review is None:
        return None
    review.request = request
    return REVIEW.to_representation(review)


class OrderSerializer(serializers.Serializer):
    """How to read: with which model version, and how soon."""

    model = IdField(required=False, allow_null=True, help_text="Else the hospital's active one.")
    priority = WordField(choices=list(PRIORITIES), default="interactive")


class NewReviewSerializer(serializers.Serializer):
    """``conclusion`` is a class, ``management`` none, monitor, refer or excise."""

    conclusion = serializers.CharField(max_length=50)
    management = serializers.CharField(max_length=10)
    notes = serializers.CharField(default="", allow_blank=True, trim_whitespace=False)
    signed = serializers.BooleanField(default=False, help_text="Sign it; else it is a draft.")
    recall_on = serializers.DateField(
        required=False, allow_null=True, help_text="When the lesion is to be seen again."
    )
    amends = IdField(
        required=False,
        allow_null=True,
        help_text="The signed review that this one takes the place of.",
    )

    validate_conclusion = rule(check_conclusion)
    validate_management = rule(check_management)
    validate_notes = rule(check_notes)
    validate_recall_on = rule(check_recall)
