"""Images: uploaded, described, and their pictures given to who may see them."""

import uuid
from typing import Any

from django.http import HttpResponse, HttpResponseNotModified, HttpResponseRedirect
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from clinic.api.base import in_shape
from clinic.api.fields import IdField, NumberField, RecordSerializer, UtcDateTimeField, WordField
from clinic.api.idempotency import idempotent
from clinic.api.parsers import UploadParser
from clinic.api.rules import rule
from clinic.api.standing import ErrorField, RetractableViewSet, StandingQuerySerializer
from clinic.models import Hospital, Image, Lesion, Patient
from clinic.sending import picture_response
from clinic.services.images import (
    add_image,
    check_captured,
    check_diameter,
    picture_address,
    read_stored,
    read_thumbnail,
    thumbnail_address,
)
from clinic.vocabulary import DermoscopicType, ImageType

PICTURES = {
    (200, media_type): OpenApiResponse(OpenApiTypes.BINARY, "The picture.")
    for media_type in ("image/jpeg", "image/png")
} | {
    302: OpenApiResponse(description="The bucket has it, at an address signed for a minute."),
    304: OpenApiResponse(description="It is the one that you have (If-None-Match)."),
}


class QualitySerializer(serializers.Serializer):
    score = serializers.FloatField(help_text="0 (useless) to 1.")
    blur = serializers.FloatField(help_text="0 (sharp) to 1; blurred above 0.5.")
    exposure = serializers.FloatField(help_text="Mean luminance, 0 to 1.")
    lesion_share = serializers.FloatField(help_text="Of the frame, 0 to 1.")
    hair_share = serializers.FloatField(
        required=False, help_text="Of the frame, 0 to 1; of pictures since it is measured."
    )
    warnings = serializers.ListField(child=serializers.CharField(), help_text="Codes.")


class ImageSerializer(RecordSerializer):
    lesion = serializers.UUIDField(source="lesion_id")
    patient = serializers.UUIDField(source="lesion.patient_id")
    hospital = serializers.UUIDField(source="hospital_id")
    uploaded_by = serializers.UUIDField(source="uploaded_by_id")
    diameter_mm = NumberField(max_digits=5, decimal_places=2, allow_null=True)
    quality = serializers.SerializerMethodField()
    file = serializers.SerializerMethodField()
    thumbnail = serializers.SerializerMethodField()
    entered_in_error = ErrorField()

    class Meta:
        model = Image
        fields = (
            "id",
            "lesion",
            "patient",
            "hospital",
            "image_type",
            "dermoscopic_type",
            "captured_at",
            "diameter_mm",
            "media_type",
            "byte_size",
            "width",
            "height",
            "sha256",
            "quality",
            "file",
            "thumbnail",
            "uploaded_by",
            "created_at",
            "entered_in_error",
        )

    @extend_schema_field(QualitySerializer)
    def get_quality(self, image: Image) -> dict[str, Any]:
        return image.quality

    @extend_schema_field(OpenApiTypes.URI)
    def get_file(self, image: Image) -> str:
        return picture_url("file", image.pk, self.context["request"])

    @extend_schema_field(OpenApiTypes.URI)
    def get_thumbnail(self, image: Image) -> str:
        return picture_url("thumbnail", image.pk, self.context["request"])


def picture_url(kind: str, pk: uuid.UUID, request: Request) -> str:
    return reverse(f"api-image-{kind}", args=[pk], request=request)


class UploadSerializer(serializers.Serializer):
    """The fields of a picture that is uploaded."""

    # an empty file is refused by the service, with a code of its own
    file = serializers.FileField(allow_empty_file=True, max_length=255)
    image_type = WordField(choices=ImageType.choices, default=ImageType.DERMOSCOPIC)
    dermoscopic_type = WordField(
        choices=DermoscopicType.choices, allow_null=True, allow_blank=True, default=None
    )
    captured_at = UtcDateTimeField(allow_null=True, default=None)

    validate_captured_at = rule(check_captured)


class NewImageSerializer(UploadSerializer):
    lesion = IdField()
    diameter_mm = NumberField(
        max_digits=5,
        decimal_places=2,
        allow_null=True,
        default=None,
        help_text="The lesion's largest diameter, measured on this picture.",
    )

    validate_diameter_mm = rule(check_diameter)


class ImageQuerySerializer(StandingQuerySerializer):
    lesion = IdField(required=False)
    patient = IdField(required=False)
    hospital = IdField(required=False)


class AnyType(BaseContentNegotiation):
    """A picture is what it is; only a problem is rendered, as JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        return renderers[0], renderers[0].media_type


@extend_schema_view(retrieve=extend_schema(summary="Show what is known of an image"))
class ImageViewSet(RetractableViewSet):
    noun, plural, route = "image", "images", "api-image"
    serializer_class = ImageSerializer
    query_serializer_class = ImageQuerySerializer
    parser_classes = (UploadParser,)

    def get_records(self) -> Any:
        return Image.objects.select_related("lesion")

    def hospital_of(self, record: Image) -> uuid.UUID:
        return record.hospital_id

    def filter_rows(self, rows: Any, query: dict[str, Any]) -> Any:
        rows = super().filter_rows(rows, query)
        return self.filter_by(
            rows,
            query,
            lesion=(Lesion.objects, "lesion"),
            patient=(Patient.objects, "lesion__patient"),
            hospital=(Hospital.objects, "hospital"),
        )

    @extend_schema(summary="List images, newest first", parameters=[ImageQuerySerializer])
    def list(self, request: Request) -> Response:
        return super().list(request)

    @extend_schema(
        summary="Upload an image of a lesion",
        request={"multipart/form-data": NewImageSerializer},
        responses={201: ImageSerializer},
    )
    @idempotent
    def create(self, request: Request) -> Response:
        fields = in_shape(NewImageSerializer(data=request.data))
        lesion = self.find(Lesion.objects, fields, "lesion")
        file = fields.pop("file")
        image = add_image(
            actor=request.user, file=file, name=file.name, **fields | {"lesion": lesion}
        )
        return self.created(image)

    @extend_schema(summary="The picture, upright and without metadata", responses=PICTURES)
    @action(detail=True, url_name="file", content_negotiation_class=AnyType)
    def file(self, request: Request, pk: str) -> HttpResponse:
        image = self.get_object()
        return self.picture(image, picture_address, read_stored, image.media_type, image.sha256)

    @extend_schema(summary="A small picture, at most 480 pixels wide or high", responses=PICTURES)
    @action(detail=True, url_name="thumbnail", content_negotiation_class=AnyType)
    def thumbnail(self, request: Request, pk: str) -> HttpResponse:
        image = self.get_object()
        tag = f"{image.sha256}-thumbnail"
        return self.picture(image, thumbnail_address, read_thumbnail, "image/jpeg", tag)

    def picture(
        self, image: Image, address: Any, read: Any, media_type: str, tag: str
    ) -> HttpResponse:
        """The bytes, or 304. The client may keep them but asks each time whether it still may."""
        etag = f'"{tag}"'
        if etag in parse_etags(self.request.headers.get("If-None-Match", "")):
            response: HttpResponse = HttpResponseNotModified()
        elif found := address(image):
            self.note_view("view_image", image, part=self.action)
            response = HttpResponseRedirect(found)
            response["Cache-Control"] = "no-store"
            return response
        else:
            key = str(image.file if self.action == "file" else image.thumbnail)
            response = picture_response(read(image), key=key, media_type=media_type)
            self.note_view("view_image", image, part=self.action)
        response["ETag"] = etag
        response["Cache-Control"] = "private, no-cache"
        response["Content-Disposition"] = "inline"
        return response
