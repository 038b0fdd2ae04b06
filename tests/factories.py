"""Rows for tests, made the way the application makes them; traits give the states of a request.

``doctor(hospital)``, ``administrator(hospital)`` and ``integration(hospital)`` are users with that
one role; every image is a real small file in the storage.
"""

import datetime
import io
import uuid
from typing import Any

import factory
import numpy as np
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models
from django.utils import timezone
from factory.django import DjangoModelFactory
from PIL import Image as PillowImage

from clinic import imaging
from clinic.models import Hospital, Image, Invitation, Lesion, Membership, Patient, Role, User
from clinic.services.tokens import create_token
from diagnosis.interpretation import risk_of
from diagnosis.models import (
    Batch,
    BatchFile,
    DiagnosisRequest,
    HeatMap,
    Histopathology,
    HospitalSettings,
    ImageFeatures,
    Management,
    ModelPolicy,
    ModelVersion,
    Prediction,
    Review,
    Status,
)
from ml.taxonomy import BY_CODE, BY_LABEL, HAM10000, malignancy_probability

PASSWORD = "correct horse battery staple"
LABELS = [BY_CODE[code].label for code in HAM10000]
REPEATED = ("label", "malignancy", "severity", "risk")


# Pictures -----------------------------------------------------------------------------------------


def draw_lesion(size: tuple[int, int] = (320, 240), seed: int = 0) -> PillowImage.Image:
    """A sharp dark spot on bright skin; every seed gives other pixels. It passes all checks."""
    width, height = size
    noise = np.random.default_rng(seed)
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    x, y = noise.uniform(-0.1, 0.1, 2)
    spot = np.hypot(columns - x, rows - y) < noise.uniform(0.4, 0.5)
    skin, brown = np.array([214.0, 168.0, 150.0]), np.array([112.0, 72.0, 56.0])
    pixels = np.where(spot[..., None], brown, skin) + noise.normal(0, 6, (height, width, 1))
    return PillowImage.fromarray(pixels.clip(0, 255).astype(np.uint8), "RGB")


def jpeg_bytes(size: tuple[int, int] = (320, 240), seed: int = 0, **options: Any) -> bytes:
    """A JPEG; ``options`` are Pillow's (exif, quality, subsampling, progressive, ...)."""
    return image_bytes(draw_lesion(size, seed), "JPEG", **{"quality": 90} | options)


def png_bytes(size: tuple[int, int] = (320, 240), seed: int = 0, **options: Any) -> bytes:
    return image_bytes(draw_lesion(size, seed), "PNG", **options)


def image_bytes(image: PillowImage.Image, format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


# Who and what -------------------------------------------------------------------------------------


class RecordFactory(DjangoModelFactory):
    """Takes ``created_at``, which the model itself would overwrite."""

    class Meta:
        abstract = True

    @classmethod
    def _create(cls, model_class: type[models.Model], *args: Any, **fields: Any) -> models.Model:
        created_at = fields.pop("created_at", None)
        row = super()._create(model_class, *args, **fields)
        if created_at is not None:
            model_class.objects.filter(pk=row.pk).update(created_at=created_at)
            row.created_at = created_at
        return row


class HospitalFactory(RecordFactory):
    class Meta:
        model = Hospital

    name = factory.Sequence("Hospital {}".format)


class InvitationFactory(RecordFactory):
    class Meta:
        model = Invitation

    hospital = factory.SubFactory(HospitalFactory)
    role = Role.DOCTOR
    name = "Somebody New"
    digest = factory.LazyFunction(lambda: uuid.uuid4().hex * 2)
    invited_by = factory.LazyAttribute(lambda row: administrator(row.hospital))
    expires_at = factory.LazyFunction(lambda: timezone.now() + datetime.timedelta(days=7))


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence("user{}".format)
    password = factory.django.Password(PASSWORD)


class MembershipFactory(RecordFactory):
    class Meta:
        model = Membership

    user = factory.SubFactory(UserFactory)
    hospital = factory.SubFactory(HospitalFactory)
    role = Role.DOCTOR


def doctor(hospital: Hospital, **fields: Any) -> User:
    return member(hospital, Role.DOCTOR, **fields)


def administrator(hospital: Hospital, **fields: Any) -> User:
    return member(hospital, Role.ADMINISTRATOR, **fields)


def integration(hospital: Hospital, **fields: Any) -> User:
    return member(hospital, Role.INTEGRATION, **fields)


def member(hospital: Hospital, *roles: str, **fields: Any) -> User:
    """A user with these roles at the hospital, and no other."""
    user = UserFactory(**fields)
    for role in roles:
        MembershipFactory(user=user, hospital=hospital, role=role)
    return user


def api_token(user: User, *scopes: str) -> str:
    """The secret of a new token; sent as ``Authorization: Bearer SECRET``."""
    return create_token(actor=user, user=user, scopes=list(scopes))[1]


IN_ERROR = factory.Trait(
    entered_in_error_at=factory.LazyFunction(timezone.now),
    entered_in_error_by=factory.SubFactory(UserFactory),
    entered_in_error_reason="test",
)


class PatientFactory(RecordFactory):
    class Meta:
        model = Patient

    class Params:
        in_error = IN_ERROR

    hospital = factory.SubFactory(HospitalFactory)
    medical_record_number = factory.Sequence("MRN-{}".format)
    given_name = "Ada"
    family_name = factory.Sequence("Sample{}".format)
    birth_date = datetime.date(1970, 5, 17)
    sex = "female"


class LesionFactory(RecordFactory):
    class Meta:
        model = Lesion

    class Params:
        in_error = IN_ERROR

    patient = factory.SubFactory(PatientFactory)
    hospital = factory.SelfAttribute("patient.hospital")
    anatom_site = "anterior torso"


class ImageFactory(RecordFactory):
    """``content`` are the bytes of an upload, by default a JPEG that no other image has."""

    class Meta:
        model = Image

    class Params:
        content = factory.Sequence(lambda number: jpeg_bytes(seed=number))
        name = "lesion.jpg"
        in_error = IN_ERROR

    lesion = factory.SubFactory(LesionFactory)
    hospital = factory.SelfAttribute("lesion.hospital")
    uploaded_by = factory.LazyAttribute(lambda image: doctor(image.hospital))
    picture = factory.LazyAttribute(
        lambda image: imaging.take_in(image.content, name=image.name, pixel_limit=10**7)
    )

    @classmethod
    def _create(cls, model_class: type[models.Model], *args: Any, **fields: Any) -> models.Model:
        picture: imaging.Picture = fields.pop("picture")
        key = uuid.uuid4().hex
        facts = {
            "file": store(f"images/{key}{imaging.EXTENSIONS[picture.media_type]}", picture.content),
            "thumbnail": store(f"thumbnails/{key}.jpg", picture.thumbnail),
            "media_type": picture.media_type,
            "byte_size": len(picture.content),
            "width": picture.width,
            "height": picture.height,
            "sha256": picture.sha256,
            "quality": picture.quality.as_dict(),
        }
        return super()._create(model_class, *args, **facts | fields)


def store(name: str, content: bytes) -> str:
    return default_storage.save(name, ContentFile(content))


# Ask, read, review --------------------------------------------------------------------------------


FIGURE = {"value": 0.7, "low": 0.6, "high": 0.8}
MEASURES = dict.fromkeys(["precision", "recall", "specificity", "f1", "auc"], FIGURE)


def manifest(**fields: Any) -> dict[str, Any]:
    """A valid manifest of a small measured model (see ml/manifest.py)."""
    return {
        "format": 1,
        "name": "sample",
        "version": "1",
        "recipe": "starter",
        "architecture": {
            "backbone": {"name": "resnet", "options": {"stem": 4, "widths": [4], "depths": [1]}},
            "head": {"name": "dnn", "options": {"hidden": [8]}},
        },
        "classes": list(HAM10000),
        "preprocessing": {
            "size": 32,
            "resize": "cover",
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
        },
        "test_time_augmentation": "none",
        "thresholds": {"malignancy_medium": 0.3, "malignancy_high": 0.6, "prediction_set": 0.1},
        "calibration": {"temperature": 1.0},
        "data": {"name": "drawn pictures", "images": 10},
        "metrics": {
            "source": "ten drawn pictures",
            "images": 10,
            "groups": 10,
            "overall": dict.fromkeys(["accuracy", "balanced_accuracy", "auc_malignant"], FIGURE),
            "by_class": {code: MEASURES | {"images": 2} for code in HAM10000},
        },
        "subgroups": {},
        "parameters": 1000,
        "intended_use": "Tests.",
        "limits": [],
        "created": "2026-01-01",
        "sha256": "0" * 64,
    } | fields


class ModelVersionFactory(RecordFactory):
    """A row without a checkpoint on disk: enough for everything but reading."""

    class Meta:
        model = ModelVersion

    name = "sample"
    version = factory.Sequence("1.{}".format)
    sha256 = factory.LazyFunction(lambda: uuid.uuid4().hex * 2)
    folder = factory.LazyAttribute(lambda model: model.sha256[:32])
    manifest = factory.LazyAttribute(
        lambda model: manifest(name=model.name, version=model.version, sha256=model.sha256)
    )
    card = "# Sample model\n\nFor tests."


class ModelPolicyFactory(DjangoModelFactory):
    """Makes a model version the one that reads for the hospital."""

    class Meta:
        model = ModelPolicy

    hospital = factory.SubFactory(HospitalFactory)
    model_version = factory.SubFactory(ModelVersionFactory)


class HospitalSettingsFactory(RecordFactory):
    class Meta:
        model = HospitalSettings

    hospital = factory.SubFactory(HospitalFactory)
    author = factory.LazyAttribute(lambda row: administrator(row.hospital))


class ImageFeaturesFactory(DjangoModelFactory):
    class Meta:
        model = ImageFeatures

    image = factory.SubFactory(ImageFactory)
    model_version = factory.SubFactory(ModelVersionFactory)
    values = b"\0\0"


class PredictionFactory(RecordFactory):
    """``label`` has ``probability``; the other classes share the rest."""

    class Meta:
        model = Prediction

    label = "nevus"
    probability = 0.7
    probabilities = factory.LazyAttribute(lambda p: spread(p.label, p.probability))
    malignancy_probability = factory.LazyAttribute(
        lambda p: malignancy_probability(p.probabilities)
    )
    device = "cpu"
    seconds = 0.1


def spread(label: str, probability: float) -> dict[str, float]:
    rest = (1 - probability) / (len(LABELS) - 1)
    return {known: probability if known == label else rest for known in LABELS}


class DiagnosisRequestFactory(RecordFactory):
    """Queued; or with a trait: running, succeeded, failed, rejected, cancelled."""

    class Meta:
        model = DiagnosisRequest

    class Params:
        running = factory.Trait(
            status=Status.RUNNING,
            lease=factory.LazyFunction(uuid.uuid4),
            lease_expires_at=factory.LazyFunction(
                lambda: timezone.now() + datetime.timedelta(seconds=30)
            ),
            started_at=factory.LazyFunction(timezone.now),
            attempts=1,
        )
        done = factory.Trait(
            started_at=factory.LazyFunction(timezone.now),
            finished_at=factory.LazyFunction(timezone.now),
            attempts=1,
        )
        succeeded = factory.Trait(
            done=True, status=Status.SUCCEEDED, prediction=factory.SubFactory(PredictionFactory)
        )
        failed = factory.Trait(done=True, status=Status.FAILED, failure_code="prediction_error")
        rejected = factory.Trait(done=True, status=Status.REJECTED, failure_code="not_a_lesion")
        cancelled = factory.Trait(
            status=Status.CANCELLED, finished_at=factory.LazyFunction(timezone.now)
        )

    @classmethod
    def _create(cls, model_class: type[models.Model], *args: Any, **fields: Any) -> models.Model:
        """The columns that repeat the prediction, as the worker writes them."""
        prediction, model = fields.get("prediction"), fields["model_version"]
        if prediction is not None and prediction.label in BY_LABEL:
            row = model_class()
            malignancy, label = prediction.malignancy_probability, prediction.label
            row.note_reading(
                prediction, risk_of(malignancy, BY_LABEL[label].malignant, model.thresholds)
            )
            fields = {name: getattr(row, name) for name in REPEATED} | fields
        return super()._create(model_class, *args, **fields)

    image = factory.SubFactory(ImageFactory)
    hospital = factory.SelfAttribute("image.hospital")
    model_version = factory.SubFactory(ModelVersionFactory)
    requested_by = factory.LazyAttribute(lambda request: request.image.uploaded_by)


class HeatMapFactory(RecordFactory):
    """It waits; or with a trait: drawn, broken."""

    class Meta:
        model = HeatMap

    class Params:
        drawn = factory.Trait(
            key=factory.LazyAttribute(
                lambda row: store(f"heatmaps/{uuid.uuid4().hex}.png", clear_map(row.request.image))
            ),
            drawn_at=factory.LazyFunction(timezone.now),
        )
        broken = factory.Trait(failure_code="prediction_error", attempts=3)

    request = factory.SubFactory(DiagnosisRequestFactory, succeeded=True)


def clear_map(image: Image) -> bytes:
    """The map of a model that looked at the middle only."""
    size = (image.width, image.height)
    drawing = PillowImage.new("RGBA", size, (0, 0, 0, 0))
    drawing.paste((240, 228, 66, 200), (size[0] // 3, size[1] // 3, size[0] // 2, size[1] // 2))
    return image_bytes(drawing, "PNG")


class BatchFactory(RecordFactory):
    class Meta:
        model = Batch

    patient = factory.SubFactory(PatientFactory)
    hospital = factory.SelfAttribute("patient.hospital")
    model_version = factory.SubFactory(ModelVersionFactory)
    created_by = factory.LazyAttribute(lambda batch: doctor(batch.hospital))


class BatchFileFactory(RecordFactory):
    """A picture of a lesion of its own; or with the trait: refused."""

    class Meta:
        model = BatchFile

    class Params:
        refused = factory.Trait(image=None, error_code="not_an_image")

    batch = factory.SubFactory(BatchFactory)
    key = factory.Sequence("key-{}".format)
    name = factory.Sequence("{}.jpg".format)
    digest = factory.LazyFunction(lambda: uuid.uuid4().hex * 2)
    image = factory.LazyAttribute(
        lambda file: ImageFactory(
            lesion__patient=file.batch.patient, uploaded_by=file.batch.created_by
        )
    )


class HistopathologyFactory(RecordFactory):
    class Meta:
        model = Histopathology

    lesion = factory.SubFactory(LesionFactory)
    diagnosis = "melanoma"
    confirmed_by = "Laboratory"
    date = datetime.date(2026, 5, 4)
    recorded_by = factory.LazyAttribute(lambda finding: doctor(finding.lesion.patient.hospital))


class ReviewFactory(RecordFactory):
    """A draft; or with the trait: signed."""

    class Meta:
        model = Review

    class Params:
        signed = factory.Trait(
            signed_by=factory.SelfAttribute("author"),
            signed_at=factory.LazyFunction(timezone.now),
        )

    request = factory.SubFactory(DiagnosisRequestFactory, succeeded=True)
    author = factory.LazyAttribute(lambda review: review.request.requested_by)
    conclusion = "nevus"
    management = Management.NONE
