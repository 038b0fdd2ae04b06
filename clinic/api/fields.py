"""Fields that write what docs/api.md promises: times in UTC, numbers as numbers, identifiers."""

import datetime
import math
import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from clinic.api.rules import broken, no_such_record
from clinic.errors import DomainError


class UtcDateTimeField(serializers.DateTimeField):
    """ISO 8601 with a Z, whatever the server's time zone; a time without an offset is UTC."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, default_timezone=datetime.UTC)


@extend_schema_field(OpenApiTypes.UUID)
class IdField(serializers.CharField):
    """The identifier of a record. The view finds it: a malformed one is as unknown as any other.

    To what a record belongs cannot be changed: of one that is there, it is the same or refused.
    """

    def run_validators(self, value: Any) -> None:
        super().run_validators(value)
        record = getattr(self.parent, "instance", None)
        if record is not None:
            if value != str(getattr(record, str(self.source))):
                raise broken(DomainError("not_editable", _("This cannot be changed.")))
            return
        try:
            uuid.UUID(value)
        except ValueError as error:
            raise broken(no_such_record()) from error

    def to_representation(self, value: Any) -> str:
        return str(value)


class NumberField(serializers.DecimalField):
    """A decimal column as a JSON number."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, coerce_to_string=False)

    def to_representation(self, value: Any) -> float:  # type: ignore[override]
        return float(value)


class FractionField(serializers.FloatField):
    """0 to 1. Not-a-number passes every comparison, so it is refused by name."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, min_value=0, max_value=1)

    def to_internal_value(self, data: Any) -> float:
        value = super().to_internal_value(data)
        if not math.isfinite(value):
            self.fail("invalid")
        return value


class WordField(serializers.ChoiceField):
    """A word of a vocabulary; the message for an unknown one names those that are known."""

    default_error_messages = {
        "invalid_choice": _("“{input}” is not known here. Known are: {known}.")
    }

    def fail(self, key: str, **values: Any) -> Any:
        # half a surrogate pair can be received but not sent back
        given = str(values.get("input", "")).encode("utf-8", "replace").decode()[:50]
        known = ", ".join(str(choice) for choice in self.choices)
        return super().fail(key, **values | {"input": given, "known": known})


class RecordSerializer(serializers.ModelSerializer):
    """A model's columns with the fields above. Uniqueness is a rule and left to the services."""

    serializer_field_mapping = serializers.ModelSerializer.serializer_field_mapping | {
        models.DateTimeField: UtcDateTimeField
    }
    serializer_choice_field = WordField

    def get_validators(self) -> list:
        return []
