"""The features of images: kept with each reading, and given to models that look at a patient's
other images too."""

import uuid
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from django.db.models import F, QuerySet, Window
from django.db.models.functions import RowNumber

from clinic.models import Image
from diagnosis.models import ImageFeatures, ModelVersion

# half precision: a distance between two lesions needs no more, and a million images take 0.8 GB
KIND = np.dtype("<f2")


def pack(features: np.ndarray) -> bytes:
    """Features (D,) as they are stored; what half precision cannot hold becomes its largest."""
    most = float(np.finfo(KIND).max)
    return np.clip(features, -most, most).astype(KIND).tobytes()


def unpack(values: bytes | memoryview) -> np.ndarray:
    """float32 (D,)."""
    return np.frombuffer(values, KIND).astype(np.float32)


def keep_features(model: ModelVersion, found: Mapping[uuid.UUID, bytes]) -> None:
    """Store packed features by image, in the place of earlier ones; one query."""
    rows = [
        ImageFeatures(image_id=image, model_version=model, values=values)
        for image, values in sorted(found.items())
    ]
    ImageFeatures.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["image", "model_version"],
        update_fields=["values"],
    )


def features_of_others(
    model: ModelVersion, images: Sequence[Image], *, most: int
) -> tuple[list[list[np.ndarray]], np.ndarray]:
    """What a model looks at beside each of B images: the other images of the same patient.

    The features (D,) that are kept of them, the newest first and at most ``most``, and ``mates``
    (B, B), true where one of ``images`` is another of the patient of which none are kept. One
    query; a patient is of one hospital, so nothing of another hospital is ever among them.
    """
    patients = [image.lesion.patient_id for image in images]
    kept: dict[uuid.UUID, dict[uuid.UUID, np.ndarray]] = {patient: {} for patient in patients}
    for patient, image, values in newest_of_patients(model, kept, most + 1):
        kept[patient][image] = unpack(values)
    others = [
        [row for key, row in kept[patient].items() if key != image.pk][:most]
        for image, patient in zip(images, patients, strict=True)
    ]
    unknown = np.array([image.pk not in kept[image.lesion.patient_id] for image in images])
    same = np.array([[one == other for other in patients] for one in patients])
    return others, same & unknown & ~np.eye(len(images), dtype=bool)


def newest_of_patients(model: ModelVersion, patients: Iterable[uuid.UUID], most: int) -> QuerySet:
    """Patient, image and packed features of the ``most`` newest images of each patient."""
    patient = "image__lesion__patient"
    rows = ImageFeatures.objects.filter(
        model_version=model,
        image__lesion__patient__in=patients,
        image__entered_in_error_at__isnull=True,
    )
    newest = [F("image__created_at").desc(), F("image").asc()]
    place = Window(RowNumber(), partition_by=[F(patient)], order_by=newest)
    return (
        rows.annotate(place=place)
        .filter(place__lte=most)
        .order_by("place")
        .values_list(patient, "image", "values")
    )
