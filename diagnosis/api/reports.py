"""The hospital report as JSON, page by page, or whole as CSV or PDF."""

import uuid
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.api.base import RecordViewSet
from clinic.api.fields import RecordSerializer, WordField
from clinic.api.hospitals import HospitalSerializer
from clinic.api.images import AnyType, picture_url
from clinic.errors import FieldError
from clinic.models import Hospital
from clinic.services.audit import file_details
from clinic.spreadsheets import csv_lines
from diagnosis.api.queries import (
    REPORT_PARAMETERS,
    ReportQuerySerializer,
    report_filters,
    with_shown,
)
from diagnosis.api.shapes import LABELS, ReviewSerializer, review_of
from diagnosis.documents.report import Heading, hospital_pdf
from diagnosis.interpretation import label_name
from diagnosis.models import DiagnosisRequest
from diagnosis.services.report_tables import csv_rows
from diagnosis.services.reports import hospital_report, totals

FORMATS = ("json", "csv", "pdf")


class ReportRowSerializer(RecordSerializer):
    request = serializers.UUIDField(source="id")
    image = serializers.UUIDField(source="image_id")
    thumbnail = serializers.SerializerMethodField()
    lesion = serializers.UUIDField(source="image.lesion_id")
    patient = serializers.UUIDField(source="image.lesion.patient_id")
    hospital = HospitalSerializer()
    label = WordField(choices=LABELS, source="prediction.label", allow_null=True, default=None)
    label_name = serializers.SerializerMethodField()
    probability = serializers.FloatField(
        source="prediction.probability", allow_null=True, default=None
    )
    malignancy_probability = serializers.FloatField(
        source="prediction.malignancy_probability", allow_null=True, default=None
    )
    review = serializers.SerializerMethodField()

    class Meta:
        model = DiagnosisRequest
        fields = (
            "request",
            "image",
            "thumbnail",
            "lesion",
            "patient",
            "hospital",
            "label",
            "label_name",
            "probability",
            "malignancy_probability",
            "status",
            "created_at",
            "review",
        )

    @extend_schema_field(OpenApiTypes.URI)
    def get_thumbnail(self, request: DiagnosisRequest) -> str:
        return picture_url("thumbnail", request.image_id, self.context["request"])

    def get_label_name(self, request: DiagnosisRequest) -> str | None:
        return label_name(request.prediction.label) if request.prediction is not None else None

    @extend_schema_field(ReviewSerializer(allow_null=True))
    def get_review(self, request: DiagnosisRequest) -> dict[str, Any] | None:
        return review_of(request)


class TotalsSerializer(serializers.Serializer):
    """Over all rows of the report, not only those of this page."""

    requests = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    labels = serializers.DictField(child=serializers.IntegerField())
    reviewed = serializers.IntegerField(help_text="With a signed review.")
    agreed = serializers.IntegerField(help_text="Of these, concluded the model's class.")
    seconds = serializers.FloatField(
        allow_null=True, help_text="Mean time from order to answer; null without answers."
    )


class HospitalReportSerializer(serializers.Serializer):
    totals = TotalsSerializer()
    rows = ReportRowSerializer(many=True)
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)


class HospitalReportViewSet(RecordViewSet):
    noun, plural = "report", "reports"
    serializer_class = ReportRowSerializer
    query_serializer_class = ReportQuerySerializer
    content_negotiation_class = AnyType
    other_parameters = ("format",)

    @extend_schema(
        operation_id="reports_hospital_retrieve",
        summary="The report of one hospital, or of all that you see",
        parameters=[
            *REPORT_PARAMETERS,
            OpenApiParameter("format", str, enum=FORMATS, default="json"),
            OpenApiParameter("cursor", str),
            OpenApiParameter("page_size", int),
        ],
        responses={
            (200, "application/json"): HospitalReportSerializer,
            (200, "text/csv"): OpenApiTypes.STR,
            (200, "application/pdf"): OpenApiTypes.BINARY,
        },
    )
    def retrieve(self, request: Request) -> HttpResponseBase:  # type: ignore[override]
        wanted = request.query_params.get("format") or "json"
        if wanted not in FORMATS:
            message = _("The formats are: %(known)s.") % {"known": ", ".join(FORMATS)}
            raise FieldError("unknown_format", message, field="format")
        query = self.read_query()
        hospital = self.find(Hospital.objects, query, "hospital")
        rows = hospital_report(actor=request.user, hospital=hospital, **report_filters(query))
        if wanted == "csv":
            return self.as_csv(rows, query)
        return self.as_pdf(rows, query, hospital) if wanted == "pdf" else self.as_json(rows, query)

    def as_json(self, rows: Any, query: dict[str, Any]) -> Response:
        figures = asdict(totals(rows))
        found = self.paginate_queryset(with_shown(rows).select_related("hospital"))
        body = self.get_serializer(found, many=True).data
        self.note_list("view_hospital_report", query)
        return Response({"totals": figures, "rows": body, **self.paginator.links()})

    def as_csv(self, rows: Any, query: dict[str, Any]) -> StreamingHttpResponse:
        self.note_list("export_hospital_report", query, **file_details("csv", query))
        # programs compare the words: they are the same whatever language the client prefers
        lines = csv_lines(csv_rows(rows, language=settings.LANGUAGE_CODE))
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="hospital-report.csv"'
        return response

    def hospital_of(self, record: DiagnosisRequest) -> uuid.UUID:
        return record.hospital_id

    def as_pdf(self, rows: Any, query: dict[str, Any], hospital: Hospital | None) -> HttpResponse:
        user = self.request.user
        seen = [hospital] if hospital else Hospital.objects.visible_to(user)
        names = ", ".join(entry.name for entry in seen)
        period = report_filters(query)["period"]
        content = hospital_pdf(rows, Heading(names, period, "", user.display_name))
        self.note_list("export_hospital_report", query, **file_details("pdf", query))
        response = HttpResponse(content, content_type="application/pdf")
        response["Content-Disposition"] = 'attachment; filename="hospital-report.pdf"'
        return response
