"""What is drawn by lot for one hospital: how many images, when, and what the model answered."""

import datetime
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.taxonomy import BY_CODE, HAM10000

IMAGES_PER_PATIENT = 5
# a small archive is a young one
YEARS, LEAST_YEARS, PATIENTS_A_YEAR = 8.0, 0.5, 2500
# one patient of a large archive with more than a page can hold
FULL_PATIENT_IMAGES, FULL_PATIENT_LESIONS = 500, 40
# HAM10000 by class, in the order of its codes: akiec, bcc, bkl, df, mel, nv, vasc
FREQUENCIES = np.array([327, 514, 1099, 115, 1113, 6705, 142]) / 10015
MALIGNANT = np.array([BY_CODE[code].malignant for code in HAM10000])
# how sure the model is of the true class: most probabilities end up near 0 or 1
SURENESS = 4.0


@dataclass(frozen=True)
class Draw:
    """Of one chunk of patients; arrays over images, in the order of patient and lesion.

    ``patient`` and ``lesion`` are places within the chunk, ``at`` seconds since 1970, ``truth`` and
    ``answer`` places in HAM10000, ``probabilities`` (images, classes).
    """

    patients: int
    lesions: int
    patient_of_lesion: NDArray[np.int64]
    patient: NDArray[np.int64]
    lesion: NDArray[np.int64]
    at: NDArray[np.int64]
    truth: NDArray[np.int64]
    answer: NDArray[np.int64]
    probabilities: NDArray[np.float64]


def image_counts(patients: int, noise: np.random.Generator, *, full: bool) -> NDArray[np.int64]:
    """Images of each patient: at least one, ``IMAGES_PER_PATIENT`` on average, exactly."""
    total = patients * IMAGES_PER_PATIENT
    counts = np.ones(patients, dtype=np.int64)
    if full:
        counts[0] = FULL_PATIENT_IMAGES
    appetite = noise.gamma(1.0, size=patients)
    appetite[0] *= not full
    return counts + noise.multinomial(total - counts.sum(), appetite / appetite.sum())


def years_of(patients: int) -> float:
    """How far an archive of so many patients goes back."""
    return min(YEARS, max(LEAST_YEARS, patients / PATIENTS_A_YEAR))


def draw(
    counts: NDArray[np.int64], years: float, now: datetime.datetime, noise: np.random.Generator
) -> Draw:
    patients = len(counts)
    lesions = np.minimum(np.maximum(1, np.round(counts * 0.45)), FULL_PATIENT_LESIONS).astype(int)
    first_lesion = np.cumsum(lesions) - lesions
    patient = np.repeat(np.arange(patients), counts)
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    # a patient's images go round the lesions, so that each lesion gets about as many
    lesion = first_lesion[patient] + place % lesions[patient]
    truth_of_lesion = noise.choice(len(HAM10000), lesions.sum(), p=FREQUENCIES)
    truth = truth_of_lesion[lesion]
    probabilities = draw_probabilities(truth, noise)
    return Draw(
        patients=patients,
        lesions=int(lesions.sum()),
        patient_of_lesion=np.repeat(np.arange(patients), lesions),
        patient=patient,
        lesion=lesion,
        at=draw_times(patient, years, now, noise),
        truth=truth,
        answer=probabilities.argmax(1),
        probabilities=probabilities,
    )


def draw_probabilities(truth: NDArray[np.int64], noise: np.random.Generator) -> NDArray[np.float64]:
    """(images, classes), rounded to seven digits: their sum stays within 1e-6 of 1."""
    shape = np.full((len(truth), len(HAM10000)), 0.12)
    shape[np.arange(len(truth)), truth] += noise.gamma(SURENESS, size=len(truth)) / 2
    weights = noise.standard_gamma(shape) + 1e-9
    return np.round(weights / weights.sum(1, keepdims=True), 7)


def draw_times(
    patient: NDArray[np.int64],
    years: float,
    now: datetime.datetime,
    noise: np.random.Generator,
) -> NDArray[np.int64]:
    """Seconds since 1970, in working hours, more each year, rising within a patient."""
    span = years * 365
    ago = span * (1 - noise.random(len(patient)) ** 0.7)
    today = int(now.timestamp()) // 86400
    day = today - ago.astype(np.int64)
    weekday = (day + 3) % 7  # 1970 began on a Thursday
    day -= np.where(weekday > 4, weekday - 4, 0)
    at = day * 86400 + 8 * 3600 + noise.integers(0, 10 * 3600, len(patient))
    at = np.minimum(at, int(now.timestamp()) - 3600)
    return at[np.lexsort((at, patient))]
