"""A hospital in which every page has something to show, in each of its states."""

import datetime
from typing import Any

from django.utils import timezone

from clinic.services.invitations import digest_of
from diagnosis.models import ModelPolicy
from tests.e2e.clinic import PASSWORD, make_clinic
from tests.factories import (
    DiagnosisRequestFactory,
    HistopathologyFactory,
    HospitalFactory,
    HospitalSettingsFactory,
    ImageFactory,
    InvitationFactory,
    LesionFactory,
    PatientFactory,
    ReviewFactory,
    administrator,
    doctor,
    member,
)
from tests.support.stack import Stack

INVITATION = "of-an-invitation"
STATES = ("queued", "running", "succeeded", "failed", "rejected", "cancelled")


def make_records(stack: Stack) -> dict[str, Any]:
    """Its records by name; ``doctor``, ``administrator`` and, of an empty hospital, ``newcomer``
    sign in with ``PASSWORD``."""
    make_clinic(stack)
    with stack.orm():
        policy = ModelPolicy.objects.get()
        hospital = policy.hospital
        administrator(hospital, username="administrator", password=PASSWORD, first_name="Admin")
        member(hospital, "doctor", "administrator", first_name="Both", last_name="Roles")
        doctor(HospitalFactory(name="Empty Hospital"), username="newcomer", password=PASSWORD)
        InvitationFactory(hospital=hospital, digest=digest_of(INVITATION))
        HospitalSettingsFactory(
            hospital=hospital, monitor_from=0.1, dermatologist_from=0.3, urgent_from=0.6
        )
        return make_patient(policy) | {"crowded": make_crowd(hospital)}


def make_crowd(hospital: Any) -> Any:
    """A patient with three lesions under one finger, two of them in the same place."""
    patient = PatientFactory(hospital=hospital, medical_record_number="MRN-2")
    for down in (0.3, 0.3, 0.31):
        LesionFactory(patient=patient, body_view="back", body_x=0.5, body_y=down)
    return patient


def make_patient(policy: ModelPolicy) -> dict[str, Any]:
    patient = PatientFactory(hospital=policy.hospital, medical_record_number="MRN-1")
    model = {"model_version": policy.model_version}
    lesion = LesionFactory(
        patient=patient, label="Mole", notes="Grows.", body_view="front", body_x=0.5, body_y=0.3
    )
    rows = {
        state: DiagnosisRequestFactory(
            image__lesion=lesion, **model, **({} if state == "queued" else {state: True})
        )
        for state in STATES
    }
    signed = [sign(patient, label, **model) for label in ("melanoma", "nevus", "dermatofibroma")]
    HistopathologyFactory(lesion=lesion, notes="Ulcerated.")
    HistopathologyFactory(lesion=lesion, diagnosis="nevus")
    warned = DiagnosisRequestFactory(
        image=warned_image(patient), succeeded=True, prediction__probability=0.3, **model
    )
    named = LesionFactory(patient=patient, label="Below the left shoulder blade " * 3)
    found = {"patient": patient, "lesion": lesion, "signed": signed[0], "warned": warned}
    found |= {"bare": LesionFactory(patient=patient), "named": named}
    return found | rows | {"model": policy.model_version}


def sign(patient: Any, label: str, **fields: Any) -> Any:
    """A reading of a lesion of its own, signed, amended, and to be seen again last month."""
    row = DiagnosisRequestFactory(
        image__lesion__patient=patient, succeeded=True, prediction__label=label, **fields
    )
    facts = {"request": row, "signed": True, "conclusion": "melanoma", "notes": "Asymmetric."}
    past = timezone.localdate() - datetime.timedelta(days=30)
    ReviewFactory(amends=ReviewFactory(**facts), recall_on=past, **facts)
    return row


def warned_image(patient: Any) -> Any:
    """A picture about which everything is to be warned."""
    codes = ["blurred", "too_dark", "too_bright", "lesion_small", "hairy", "ruler"]
    codes += ["colourless", "few_pixels"]
    return ImageFactory(
        lesion__patient=patient, image_type="clinical: close-up", quality={"warnings": codes}
    )
