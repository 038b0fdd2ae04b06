"""The rows that the query parameters of diagnoses and reports ask for."""

import datetime
from typing import Any

from django.db.models import Prefetch
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from clinic.api.fields import IdField
from diagnosis.api.shapes import LABELS
from diagnosis.models import ModelVersion
from diagnosis.models.requests import DiagnosisRequestQuerySet
from diagnosis.services.reports import Period


class ReportQuerySerializer(serializers.Serializer):
    """Which requests. ``from`` and ``to`` are days, both included."""

    hospital = IdField(required=False)
    label = serializers.CharField(required=False, max_length=50)
    reviewed = serializers.BooleanField(required=False)

    def get_fields(self) -> dict[str, serializers.Field]:
        # a word of Python cannot name an attribute
        days = {name: serializers.DateField(required=False) for name in ("from", "to")}
        return super().get_fields() | days


def day_parameter(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.DATE, description=description)


REPORT_PARAMETERS = [
    OpenApiParameter("hospital", OpenApiTypes.UUID),
    OpenApiParameter("label", str, enum=[label for label, _name in LABELS]),
    OpenApiParameter("reviewed", bool, description="Whether a review is signed."),
    day_parameter("from", "Ordered on this day or later."),
    day_parameter("to", "Ordered on this day or earlier."),
]


def report_filters(query: dict[str, Any]) -> dict[str, Any]:
    """The arguments of diagnosis.services.reports.hospital_report, the hospital apart."""
    start: datetime.date | None = query.get("from")
    return {
        "period": Period(start, query.get("to")),
        "label": query.get("label", ""),
        "reviewed": query.get("reviewed"),
    }


def with_shown(rows: DiagnosisRequestQuerySet) -> DiagnosisRequestQuerySet:
    """With all that a row shows, in three queries.

    Model versions are fetched once each, not joined to every row: their manifests are large.
    """
    models = Prefetch("model_version", ModelVersion.objects.defer("card"))
    return rows.select_related("image__lesion__patient", "prediction", "settings").prefetch_related(
        models, "reviews__signed_by"
    )
