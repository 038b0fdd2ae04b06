"""Batches: many files of one patient, read by one model, with what became of each."""

import hashlib
import uuid
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.api.base import RecordViewSet, in_shape
from clinic.api.fields import IdField, RecordSerializer, UtcDateTimeField, WordField
from clinic.api.idempotency import HEADER, idempotent, resumable
from clinic.api.parsers import BatchParser, LimitedJSONParser, UploadParser
from clinic.api.standing import ErrorField, ErrorSerializer, StandingQuerySerializer
from clinic.errors import DomainError, FieldError
from clinic.models import Hospital, Lesion, Patient, Scope
from clinic.vocabulary import ImageType
from diagnosis.api.models import find_model
from diagnosis.api.shapes import (
    PRIORITIES,
    DiagnosisSerializer,
    FailureSerializer,
    ModelSerializer,
    PredictionSerializer,
)
from diagnosis.models import Batch, BatchFile, Status
from diagnosis.progress import Entry, filled, progress_of
from diagnosis.services.batches import add_file, add_files, create_batch, full_message


class NewBatchSerializer(serializers.Serializer):
    """A lesion for all pictures, or a patient: then each picture is of a new lesion."""

    lesion = IdField(required=False)
    patient = IdField(required=False)
    model = IdField(required=False, help_text="Else the hospital's active one.")
    image_type = WordField(choices=ImageType.choices, default=ImageType.DERMOSCOPIC)
    files = serializers.ListField(child=serializers.FileField(allow_empty_file=True))


class NewFileSerializer(serializers.Serializer):
    file = serializers.FileField(allow_empty_file=True)


class BatchQuerySerializer(StandingQuerySerializer):
    hospital = IdField(required=False)
    patient = IdField(required=False)
    lesion = IdField(required=False)


class BatchResultSerializer(DiagnosisSerializer):
    """A file and its reading. Where the file became no image, ``id``, ``image`` and all that
    belongs to a reading is null and ``failure`` says why."""

    name = serializers.CharField(help_text="What the file was called.")
    id = serializers.UUIDField(allow_null=True)
    image = serializers.UUIDField(allow_null=True)
    lesion = serializers.UUIDField(allow_null=True)
    patient = serializers.UUIDField(allow_null=True)
    hospital = serializers.UUIDField(allow_null=True)
    model = ModelSerializer(allow_null=True)
    requested_by = serializers.UUIDField(allow_null=True)
    created_at = UtcDateTimeField(allow_null=True)
    priority = serializers.ChoiceField(choices=list(PRIORITIES), allow_null=True)  # type: ignore[assignment]
    prediction = PredictionSerializer(allow_null=True)  # type: ignore[assignment]
    failure = FailureSerializer(allow_null=True)  # type: ignore[assignment]

    class Meta(DiagnosisSerializer.Meta):
        fields = ("name", *DiagnosisSerializer.Meta.fields)  # type: ignore[assignment]


class BatchHeadSerializer(RecordSerializer):
    hospital = serializers.UUIDField(source="hospital_id")
    patient = serializers.UUIDField(source="patient_id")
    lesion = serializers.UUIDField(source="lesion_id", allow_null=True)
    model = ModelSerializer(source="model_version")
    total = serializers.IntegerField(help_text="Files.")
    entered_in_error = ErrorField(source="holder")

    class Meta:
        model = Batch
        fields = (
            "id",
            "created_at",
            "hospital",
            "patient",
            "lesion",
            "model",
            "total",
            "entered_in_error",
        )


class BatchSerializer(serializers.Serializer):
    """``rejected`` counts files that became no image as well; the counts add up to ``total``."""

    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    hospital = serializers.UUIDField()
    patient = serializers.UUIDField()
    lesion = serializers.UUIDField(allow_null=True)
    model = ModelSerializer()
    total = serializers.IntegerField()
    queued = serializers.IntegerField()
    running = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    rejected = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    entered_in_error = ErrorSerializer(allow_null=True)
    results = BatchResultSerializer(many=True)


@extend_schema_view(retrieve=extend_schema(summary="Show how far a batch is, and every result"))
class BatchViewSet(RecordViewSet):
    noun, plural, route = "batch", "batches", "api-batch"
    serializer_class = BatchHeadSerializer
    query_serializer_class = BatchQuerySerializer
    parser_classes = (BatchParser, LimitedJSONParser)
    scopes = {"create": Scope.DIAGNOSE, "files": Scope.DIAGNOSE}

    def get_records(self) -> Any:
        return Batch.objects.with_records()

    def hospital_of(self, record: Batch) -> uuid.UUID:
        return record.hospital_id

    def filter_rows(self, rows: Any, query: dict[str, Any]) -> Any:
        # counted for the rows of the page alone, not for all before they are put in order
        files = BatchFile.objects.standing().filter(batch=OuterRef("pk"))
        files = files.order_by().values("batch")
        files = files.annotate(n=Count("pk"))
        rows = rows.in_error(query.get("entered_in_error", False))
        return self.filter_by(
            rows.annotate(total=Coalesce(Subquery(files.values("n")), 0)),
            query,
            hospital=(Hospital.objects, "hospital"),
            patient=(Patient.objects, "patient"),
            lesion=(Lesion.objects, "lesion"),
        )

    @extend_schema(summary="List batches, newest first", parameters=[BatchQuerySerializer])
    def list(self, request: Request) -> Response:
        return super().list(request)

    @extend_schema(responses=BatchSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        batch = self.get_object()
        self.note_view("view_batch", batch)
        return Response(shape_of(batch))

    @extend_schema(
        summary="Upload many pictures and order their reading",
        description="Every file is taken in by itself: `results` says of each what became of it, "
        "and a bad one loses no other. They are read after what doctors wait for.",
        request={"multipart/form-data": NewBatchSerializer},
        responses={202: BatchSerializer},
    )
    @resumable
    def create(self, request: Request, identifier: uuid.UUID | None = None) -> Response:
        files = sent_files(request)
        about = self.about(in_shape(NewBatchSerializer(data=request.data)))
        batch = create_batch(actor=request.user, pk=identifier, **about)
        add_files(
            actor=request.user, batch=batch, files=((file.name or "", file) for file in files)
        )
        headers = {"Location": self.address_of(batch)}
        return Response(shape_of(batch), status=202, headers=headers)

    def about(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Whose pictures they are and who reads them."""
        lesion = self.find(Lesion.objects.select_related("patient__hospital"), fields, "lesion")
        patient = self.find(Patient.objects.select_related("hospital"), fields, "patient")
        if lesion is None and patient is None:
            message = _("Name a lesion or a patient.")
            raise DomainError(
                "invalid", message, errors={"lesion": [message], "patient": [message]}
            )
        patient = patient or lesion.patient
        if lesion is not None and lesion.patient_id != patient.pk:
            message = _("The lesion is not this patient's.")
            raise FieldError("lesion_of_another_patient", message, field="lesion")
        model = fields.get("model")
        return {
            "hospital": patient.hospital,
            "patient": patient,
            "lesion": lesion,
            "model_version": None if model is None else find_model(model, field="model"),
            "image_type": fields["image_type"],
        }

    @extend_schema(
        summary="Add one picture",
        description="The way over a bad line: one file a request, each with an Idempotency-Key of "
        "its own. The same bytes again are the picture that is there.",
        request={"multipart/form-data": NewFileSerializer},
        responses={201: BatchSerializer},
    )
    @action(detail=True, methods=["post"], parser_classes=[UploadParser])
    @idempotent
    def files(self, request: Request, pk: str) -> Response:
        batch = self.get_object()
        file = in_shape(NewFileSerializer(data=request.data))["file"]
        add_file(
            actor=request.user,
            batch=batch,
            file=file,
            name=file.name,
            key=file_key(request),
        )
        headers = {"Location": self.address_of(batch)}
        return Response(shape_of(batch), status=201, headers=headers)


def file_key(request: Request) -> str:
    """The client's for this file, in as many characters as a row has; one that was not sent is
    new."""
    key = request.headers.get(HEADER) or uuid.uuid4().hex
    most = BatchFile._meta.get_field("key").max_length or 0
    return key if len(key) <= most else hashlib.sha256(key.encode()).hexdigest()


def sent_files(request: Request) -> list[UploadedFile]:
    files = request.FILES.getlist("files")
    if not files:
        raise FieldError("required", _("Send at least one picture."), field="files")
    if len(files) > settings.NEVUS_MAX_BATCH_FILES:
        raise FieldError("too_many_files", full_message(), field="files")
    return files


def shape_of(batch: Batch) -> dict[str, Any]:
    progress, rows = progress_of(batch), DiagnosisSerializer()
    return {
        "id": str(batch.pk),
        "created_at": batch.created_at,
        "hospital": str(batch.patient.hospital_id),
        "patient": str(batch.patient_id),
        "lesion": str(batch.lesion_id) if batch.lesion_id else None,
        "model": ModelSerializer(batch.model_version).data,
        "total": progress.total,
        **{state.value: progress.counts[state.value] for state in Status},
        "entered_in_error": ErrorField().to_representation(batch.holder),
        "results": [
            result_of(entry, rows) for entry in filled(batch, progress.in_order("malignancy"))
        ],
    }


def result_of(entry: Entry, rows: DiagnosisSerializer) -> dict[str, Any]:
    if entry.request is not None:
        return {"name": entry.file.name, **rows.to_representation(entry.request)}
    empty = dict.fromkeys(DiagnosisSerializer.Meta.fields)
    failure = {"code": entry.file.error_code, "message": entry.file.refusal}
    return {"name": entry.file.name, **empty, "status": Status.REJECTED.value, "failure": failure}
