"""Records that may have been entered in error: shown, filtered, marked and reinstated."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.api.base import RecordViewSet, in_shape
from clinic.api.fields import UtcDateTimeField, WordField
from clinic.api.idempotency import idempotent
from clinic.api.parsers import LimitedJSONParser
from clinic.models import ErrorReason
from clinic.models.standing import Retractable
from clinic.services.entered_in_error import mark_entered_in_error, reinstate


class ErrorSerializer(serializers.Serializer):
    at = UtcDateTimeField(source="entered_in_error_at")
    by = serializers.UUIDField(source="entered_in_error_by_id")
    reason = WordField(source="entered_in_error_reason", choices=ErrorReason.choices)


# one for all rows: to build its fields takes longer than to write a row
MARK = ErrorSerializer()


@extend_schema_field(ErrorSerializer(allow_null=True))
class ErrorField(serializers.Field):
    """Null for a record that stands."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("source", "*")
        super().__init__(**options, read_only=True)

    def to_representation(self, record: Retractable) -> dict[str, Any] | None:
        return None if record.is_standing else MARK.to_representation(record)


class ErrorReasonSerializer(serializers.Serializer):
    reason = WordField(choices=ErrorReason.choices)


class StandingQuerySerializer(serializers.Serializer):
    entered_in_error = serializers.BooleanField(
        required=False, help_text="Only what was entered in error; such records are left out else."
    )


class RetractableViewSet(RecordViewSet):
    """Lists leave out what was entered in error, unless it is asked for; each record is shown."""

    def filter_rows(self, rows: Any, query: dict[str, Any]) -> Any:
        return rows.in_error(query.get("entered_in_error", False))

    @extend_schema(
        summary="Mark as entered in error",
        description="With a patient go the lesions, with a lesion the images, with an image its "
        "readings and reviews: they leave every list, figure and report, and can still be read.",
        request=ErrorReasonSerializer,
    )
    @action(
        detail=True,
        methods=["post"],
        url_path="entered-in-error",
        parser_classes=[LimitedJSONParser],
    )
    @idempotent
    def entered_in_error(self, request: Request, pk: str) -> Response:
        record = self.get_object()
        fields = in_shape(ErrorReasonSerializer(data=request.data))
        marked = mark_entered_in_error(actor=request.user, record=record, **fields)
        return Response(self.get_serializer(marked).data)

    @extend_schema(summary="Reinstate, with what was marked together", request=None)
    @action(detail=True, methods=["post"], parser_classes=[LimitedJSONParser])
    @idempotent
    def reinstate(self, request: Request, pk: str) -> Response:
        record = reinstate(actor=request.user, record=self.get_object())
        return Response(self.get_serializer(record).data)
