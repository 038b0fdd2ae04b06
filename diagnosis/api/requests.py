"""Diagnosis requests: ordered, followed, reviewed."""

import uuid
from typing import Any

from django.http import HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    PolymorphicProxySerializer,
    extend_schema,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.api.base import RecordViewSet, in_shape
from clinic.api.fields import IdField, WordField
from clinic.api.idempotency import idempotent
from clinic.api.images import AnyType, UploadSerializer
from clinic.api.parsers import LimitedJSONParser, UploadParser
from clinic.api.standing import StandingQuerySerializer
from clinic.errors import DomainError
from clinic.models import Hospital, Image, Lesion, Patient, Scope
from diagnosis.api.models import find_model
from diagnosis.api.queries import (
    REPORT_PARAMETERS,
    ReportQuerySerializer,
    report_filters,
    with_shown,
)
from diagnosis.api.shapes import (
    PRIORITIES,
    DiagnosisSerializer,
    NewReviewSerializer,
    OrderSerializer,
    ReviewSerializer,
)
from diagnosis.models import DiagnosisRequest, Review, Status
from diagnosis.services.heat_maps import enlarge, order_heat_map, read_heat_map
from diagnosis.services.reports import hospital_report
from diagnosis.services.requests import cancel_request, request_diagnosis, upload_and_request
from diagnosis.services.reviews import save_review

# each is an index, read from its beginning or from its end
ORDERINGS = {
    "-created_at": ("-created_at", "id"),
    "created_at": ("created_at", "-id"),
    "-malignancy_probability": ("-malignancy", "id"),
    "malignancy_probability": ("malignancy", "-id"),
}


HEAT_MAP_SECONDS = "2"


class HeatMapStateSerializer(serializers.Serializer):
    status = serializers.CharField(help_text="queued or running")


HEAT_MAPS = {
    (200, "image/png"): OpenApiResponse(OpenApiTypes.BINARY, "The map."),
    202: HeatMapStateSerializer,
    304: OpenApiResponse(description="It is the one that you have (If-None-Match)."),
}


class ImageOrderSerializer(OrderSerializer):
    """An image that is stored."""

    image = IdField()


class UploadOrderSerializer(OrderSerializer, UploadSerializer):
    """A picture that is uploaded with the order."""

    lesion = IdField()


class DiagnosisQuerySerializer(StandingQuerySerializer, ReportQuerySerializer):
    status = WordField(choices=Status.choices, required=False)
    patient = IdField(required=False)
    lesion = IdField(required=False)
    image = IdField(required=False)
    ordering = WordField(choices=list(ORDERINGS), required=False)


@extend_schema_view(retrieve=extend_schema(summary="Show a request and its answer"))
class DiagnosisViewSet(RecordViewSet):
    noun, plural, route = "request", "requests", "api-diagnosis"
    serializer_class = DiagnosisSerializer
    query_serializer_class = DiagnosisQuerySerializer
    parser_classes = (LimitedJSONParser, UploadParser)
    scopes = {"create": Scope.DIAGNOSE, "cancel": Scope.DIAGNOSE}

    def get_records(self) -> Any:
        return with_shown(DiagnosisRequest.objects.all())

    def hospital_of(self, record: DiagnosisRequest) -> uuid.UUID:
        return record.hospital_id

    def get_ordering(self) -> tuple[str, ...]:
        return ORDERINGS[self.request.query_params.get("ordering") or "-created_at"]

    def filter_rows(self, rows: Any, query: dict[str, Any]) -> Any:
        hospital = self.find(Hospital.objects, query, "hospital")
        rows = with_shown(
            hospital_report(
                actor=self.request.user,
                hospital=hospital,
                entered_in_error=query.get("entered_in_error", False),
                **report_filters(query),
            )
        )
        rows = self.filter_by(
            rows,
            query,
            patient=(Patient.objects, "image__lesion__patient"),
            lesion=(Lesion.objects, "image__lesion"),
            image=(Image.objects, "image"),
        )
        if "status" in query:
            rows = rows.filter(status=query["status"])
        return rows

    @extend_schema(
        summary="List requests, newest first",
        parameters=[
            OpenApiParameter("status", str, enum=Status.values),
            OpenApiParameter("patient", uuid.UUID),
            OpenApiParameter("lesion", uuid.UUID),
            OpenApiParameter("image", uuid.UUID),
            *REPORT_PARAMETERS,
            OpenApiParameter(
                "entered_in_error", bool, description="Only of images that were entered in error."
            ),
            OpenApiParameter("ordering", str, enum=list(ORDERINGS)),
        ],
    )
    def list(self, request: Request) -> Response:
        return super().list(request)

    @extend_schema(
        summary="Order a reading, of a stored image or of an upload",
        description="Answers at once; the reading follows. Ask at `Location` until `status` is no "
        "longer `queued` or `running`.",
        request={
            "application/json": ImageOrderSerializer,
            "multipart/form-data": PolymorphicProxySerializer(
                "Order", [UploadOrderSerializer, ImageOrderSerializer], None
            ),
        },
        responses={202: DiagnosisSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        named = {"image", "lesion", "file"}.intersection(request.data)
        if "image" in named and len(named) > 1:
            raise unclear(_("Name an image or upload a file for a lesion, not both."))
        if not named:
            raise unclear(_("Name an image, or a lesion with a file."))
        order = self.order_image() if "image" in named else self.order_upload()
        body = self.get_serializer(self.get_records().get(pk=order.pk)).data
        return Response(body, status=202, headers={"Location": self.address_of(order)})

    def order_image(self) -> DiagnosisRequest:
        fields = in_shape(ImageOrderSerializer(data=self.request.data))
        image = self.find(Image.objects.select_related("lesion__patient"), fields, "image")
        return request_diagnosis(actor=self.request.user, image=image, **self.how(fields))

    def order_upload(self) -> DiagnosisRequest:
        fields = in_shape(UploadOrderSerializer(data=self.request.data))
        lesions = Lesion.objects.select_related("patient__hospital")
        lesion = self.find(lesions, fields, "lesion")
        file = fields["file"]
        facts = {name: fields[name] for name in ("image_type", "dermoscopic_type", "captured_at")}
        return upload_and_request(
            actor=self.request.user,
            lesion=lesion,
            file=file,
            name=file.name,
            **self.how(fields),
            **facts,
        )

    def how(self, fields: dict[str, Any]) -> dict[str, Any]:
        model = fields.get("model")
        return {
            "model_version": None if model is None else find_model(model, field="model"),
            "priority": PRIORITIES[fields["priority"]],
        }

    @extend_schema(
        summary="Conclude: save a draft or sign",
        request=NewReviewSerializer,
        responses={201: ReviewSerializer},
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def review(self, request: Request, pk: str) -> Response:
        order = self.get_object()
        fields = in_shape(NewReviewSerializer(data=request.data))
        amends = self.find(Review.objects.filter(request=order), fields, "amends")
        review = save_review(
            actor=request.user,
            request=order,
            sign=fields.pop("signed"),
            **fields | {"amends": amends},
        )
        review.request = order
        headers = {"Location": self.address_of(order)}
        return Response(ReviewSerializer(review).data, status=201, headers=headers)

    @extend_schema(
        summary="Where the model looked: a PNG of the size of the image",
        description="Transparent where the model did not look; from blue over light blue to yellow "
        "where it looked most for the class of the answer. Drawn when it is first asked for: 202 "
        "until it is there.",
        responses=HEAT_MAPS,
    )
    @action(detail=True, url_name="heatmap", content_negotiation_class=AnyType)
    def heatmap(self, request: Request, pk: str) -> HttpResponse:
        order = self.get_object()
        found = order_heat_map(order)
        if found.waits:
            waiting = {"status": "running" if found.lease_expires_at else "queued"}
            return Response(waiting, status=202, headers={"Retry-After": HEAT_MAP_SECONDS})
        etag = f'"{found.pk}"'
        if etag in parse_etags(request.headers.get("If-None-Match", "")):
            response: HttpResponse = HttpResponseNotModified()
        else:
            size = (order.image.width, order.image.height)
            content = enlarge(read_heat_map(found), size)
            response = HttpResponse(content, content_type="image/png")
        self.note_view("view_heat_map", order)
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        response["Content-Disposition"] = "inline"
        return response

    @extend_schema(summary="Take back an order that is still waiting", request=None)
    @action(detail=True, methods=["post"])
    @idempotent
    def cancel(self, request: Request, pk: str) -> Response:
        cancelled = cancel_request(actor=request.user, request=self.get_object())
        return Response(self.get_serializer(self.get_records().get(pk=cancelled.pk)).data)


def unclear(message: str) -> DomainError:
    return DomainError("invalid", message, errors={"image": [message], "file": [message]})
