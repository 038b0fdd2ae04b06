"""The sample hospitals of the trial: staff, patients, and lesions that the project drew itself.

Nobody here is real: given names are "Sample", family names are letters of the radio alphabet.
"""

import datetime
import io
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.utils import timezone

from clinic.models import Hospital, Role, User
from clinic.services.staff import add_membership, create_hospital, create_user
from diagnosis.services.requests import record_and_request
from ml.synthetic import draw_lesion

FIRST, SECOND = "Sample Hospital North", "Sample Hospital South"

STAFF = (
    ("doctor", "Sample", "Doctor North", FIRST, Role.DOCTOR),
    ("administrator", "Sample", "Administrator North", FIRST, Role.ADMINISTRATOR),
    ("integration", "Sample", "Integration North", FIRST, Role.INTEGRATION),
    ("doctor2", "Sample", "Doctor South", SECOND, Role.DOCTOR),
    ("administrator2", "Sample", "Administrator South", SECOND, Role.ADMINISTRATOR),
)


# where a sample stands on the body map: view, distance from the middle line, height
PLACES = {
    "head/neck": ("front", 0.06, 0.085),
    "anterior torso": ("front", 0.09, 0.27),
    "posterior torso": ("back", 0.1, 0.25),
    "lateral torso": ("front", 0.158, 0.31),
    "upper extremity": ("front", 0.25, 0.3),
    "lower extremity": ("front", 0.11, 0.58),
    "palms/soles": ("front", 0.36, 0.51),
}


@dataclass(frozen=True)
class SamplePatient:
    """A patient and one lesion a drawn class, each at its site."""

    number: str
    family_name: str
    birth_year: int
    sex: str
    skin_type: str
    lesions: tuple[tuple[str, str, str], ...]  # class code, anatomical site, laterality


NORTH = (
    SamplePatient("N-1001", "Alfa", 1957, "male", "II", (("mel", "posterior torso", "left"),)),
    SamplePatient(
        "N-1002",
        "Bravo",
        1984,
        "female",
        "III",
        (("nv", "lower extremity", "right"), ("nv", "anterior torso", "midline")),
    ),
    SamplePatient("N-1003", "Charlie", 1946, "male", "I", (("bcc", "head/neck", "right"),)),
    SamplePatient("N-1004", "Delta", 1950, "female", "II", (("akiec", "head/neck", "left"),)),
    SamplePatient(
        "N-1005",
        "Echo",
        1961,
        "female",
        "III",
        (("bkl", "posterior torso", "right"), ("nv", "upper extremity", "left")),
    ),
    SamplePatient("N-1006", "Foxtrot", 1979, "male", "IV", (("df", "lower extremity", "left"),)),
    SamplePatient("N-1007", "Golf", 1968, "female", "II", (("vasc", "anterior torso", "left"),)),
    SamplePatient(
        "N-1008",
        "Hotel",
        1972,
        "male",
        "II",
        (("mel", "upper extremity", "right"), ("nv", "lateral torso", "left")),
    ),
    SamplePatient("N-1009", "India", 1990, "female", "V", (("nv", "palms/soles", "left"),)),
)
SOUTH = (
    SamplePatient("S-2001", "Juliett", 1955, "female", "II", (("bcc", "head/neck", "left"),)),
    SamplePatient("S-2002", "Kilo", 1981, "male", "III", (("nv", "posterior torso", "midline"),)),
    SamplePatient("S-2003", "Lima", 1966, "male", "I", (("mel", "lower extremity", "left"),)),
)


def make_hospitals(logins_file: Path) -> dict[str, Hospital]:
    """Both hospitals and their staff; the passwords go to ``logins_file``, for its owner alone."""
    hospitals = {name: create_hospital(actor=None, name=name) for name in (FIRST, SECOND)}
    logins = []
    for username, given_name, family_name, hospital, role in STAFF:
        password = secrets.token_urlsafe(9)
        user = create_user(
            actor=None,
            username=username,
            password=password,
            given_name=given_name,
            family_name=family_name,
        )
        add_membership(actor=None, user=user, hospital=hospitals[hospital], role=role)
        logins.append(
            {"username": username, "password": password, "hospital": hospital, "role": role}
        )
    write_privately(logins_file, json.dumps(logins, indent=2))
    return hospitals


def write_privately(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)


def make_patients(*, actor: User, hospital: Hospital, patients: tuple[SamplePatient, ...]) -> int:
    """Record the patients and order a reading of each lesion; the number of images."""
    images = 0
    for patient in patients:
        found = None
        for code, site, laterality in patient.lesions:
            request = record_and_request(
                actor=actor,
                hospital=hospital,
                patient=found,
                patient_fields=patient_fields(patient),
                lesion_fields=lesion_fields(site, laterality),
                image_fields={
                    "dermoscopic_type": "contact polarized",
                    "captured_at": timezone.now() - datetime.timedelta(minutes=90 - images),
                },
                file=drawing(code, seed=int(patient.number[2:]) + images),
                name="drawing.jpg",
            )
            found = request.image.lesion.patient
            images += 1
    return images


def patient_fields(patient: SamplePatient) -> dict[str, Any]:
    return {
        "medical_record_number": patient.number,
        "given_name": "Sample",
        "family_name": patient.family_name,
        "birth_date": datetime.date(patient.birth_year, 5, 17),
        "sex": patient.sex,
        "skin_type": patient.skin_type,
    }


def lesion_fields(site: str, laterality: str) -> dict[str, Any]:
    view, distance, height = PLACES[site]
    # the patient's right is on the left of the front view
    on_the_left = (laterality == "right") == (view == "front")
    offset = 0 if laterality == "midline" else -distance if on_the_left else distance
    return {
        "anatom_site": site,
        "laterality": laterality,
        "body_view": view,
        "body_x": 0.5 + offset,
        "body_y": height,
    }


def drawing(code: str, *, seed: int) -> io.BytesIO:
    buffer = io.BytesIO()
    draw_lesion(code, seed).save(buffer, "JPEG", quality=92)
    buffer.seek(0)
    return buffer
