"""The "ugly duckling": how far each lesion lies from the patient's others, as the model sees them.

A hint of where to look twice, after the clinical sign of that name (Grob and Bonerandi, Arch
Dermatol 134:103, 1998). Nobody has validated it for any model here, and it is no diagnosis.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clinic.models import Patient
from diagnosis.models import ImageFeatures
from diagnosis.services.features import unpack

# of fewer, none can be said to differ from the others
FEWEST = 4
# the newest of a patient's images that are looked at
MOST_IMAGES = 500
# the farthest is named only from so many times the patient's median: below, none stands out
STANDS_OUT = 1.5
# a median distance below this is rounding: the lesions look the same to the model
ALIKE = 1e-6


@dataclass(frozen=True)
class Difference:
    """How far a lesion lies from the patient's others: the cosine ``distance`` (0 to 2), how many
    times the median of the patient's lesions that is, and whether it is what differs most."""

    distance: float
    times: float
    most: bool


def lesion_differences(patient: Patient) -> dict[uuid.UUID, Difference]:
    """By lesion, from what the hospital's active model saw of the patient's newest images.

    Empty where fewer than FEWEST lesions were read by that model version. One query.
    """
    rows = ImageFeatures.objects.filter(
        image__lesion__patient=patient,
        image__entered_in_error_at__isnull=True,
        model_version__policies__hospital=patient.hospital_id,
    )
    newest = rows.order_by("-image__created_at", "image")[:MOST_IMAGES]
    seen = defaultdict(list)
    for lesion, values in newest.values_list("image__lesion", "values"):
        seen[lesion].append(unpack(values))
    return compare({lesion: np.mean(images, 0) for lesion, images in seen.items()})


def compare(lesions: Mapping[uuid.UUID, np.ndarray]) -> dict[uuid.UUID, Difference]:
    """The differences of lesions by their mean features (D,)."""
    if len(lesions) < FEWEST:
        return {}
    features = np.stack(list(lesions.values())).astype(np.float64)  # (L, D)
    others = (features.sum(0) - features) / (len(features) - 1)  # (L, D)
    distances = cosine_distance(features, others)  # (L,)
    median = float(np.median(distances))
    if median < ALIKE:
        return {}
    farthest = int(distances.argmax())
    return {
        lesion: Difference(
            float(distance),
            float(distance / median),
            place == farthest and distance >= STANDS_OUT * median,
        )
        for place, (lesion, distance) in enumerate(zip(lesions, distances, strict=True))
    }


def cosine_distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 - cosine of the angle between rows (L, D): 0 alike, 1 unrelated. What has no length counts
    as unrelated."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return 1 - (one * other).sum(1) / np.maximum(lengths, 1e-12)
