"""Patients: recorded and corrected."""

import unicodedata
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clinic.errors import FieldError, from_validation_error
from clinic.models import Hospital, Patient, User
from clinic.permissions import require_record
from clinic.services.audit import record_event
from clinic.services.entered_in_error import lock_standing
from clinic.services.fields import OLDEST_YEAR, assign
from clinic.services.seen import check_seen

EDITABLE = (
    "medical_record_number",
    "given_name",
    "family_name",
    "birth_date",
    "sex",
    "skin_type",
    "personal_history_of_melanoma",
    "family_history_of_melanoma",
)


def create_patient(*, actor: User, hospital: Hospital, **fields: Any) -> Patient:
    """Record a new patient. Raises DomainError; nothing is stored then."""
    require_record(actor, hospital.pk)
    patient = Patient(hospital=hospital)
    return _write(actor, patient, fields, action="create_patient")


@transaction.atomic
def update_patient(*, actor: User, patient: Patient, seen: str = "", **fields: Any) -> Patient:
    """Correct some fields of a patient; those that are not given stay as they are.

    ``seen`` is what the actor saw of it (clinic/services/seen.py). Raises DomainError, among others
    ``changed_meanwhile`` (409).
    """
    require_record(actor, patient.hospital_id)
    locked = lock_standing(patient)
    check_seen(locked, EDITABLE, fields, seen)
    return _write(actor, locked, fields, action="update_patient")


def _write(actor: User, patient: Patient, fields: dict[str, Any], *, action: str) -> Patient:
    assign(patient, EDITABLE, fields)
    _check(patient)
    try:
        with transaction.atomic():
            patient.save()
            details = {"fields": sorted(set(fields) & set(EDITABLE))}
            record_event(
                actor=actor,
                action=action,
                hospital=patient.hospital_id,
                obj=patient,
                details=details,
            )
    except IntegrityError as error:
        # somebody recorded the same number between the check and the write
        raise _duplicate() from error
    return patient


def _check(patient: Patient) -> None:
    try:
        patient.clean_fields(exclude=["hospital"])
    except ValidationError as error:
        raise from_validation_error(error) from error
    _check_characters(patient)
    if patient.birth_date is not None and patient.birth_date > timezone.localdate():
        message = _("The birth date lies in the future.")
        raise FieldError("birth_date_in_future", message, field="birth_date")
    if patient.birth_date is not None and patient.birth_date.year < OLDEST_YEAR:
        message = _("The birth date is too long ago.")
        raise FieldError("birth_date_too_old", message, field="birth_date")
    same = (
        Patient.objects.standing()
        .filter(hospital=patient.hospital_id)
        .numbered(patient.medical_record_number)
    )
    if same.exclude(pk=patient.pk).exists():
        raise _duplicate()


def _check_characters(patient: Patient) -> None:
    """Two numbers that look the same are one number, and a line break is no part of a name."""
    if not patient.medical_record_number.isprintable():
        message = _("The number holds characters that cannot be seen. Type it anew.")
        raise FieldError("invisible_characters", message, field="medical_record_number")
    for field in ("given_name", "family_name"):
        if any(unicodedata.category(character) == "Cc" for character in getattr(patient, field)):
            message = _("The name holds a line break or another control character. Type it anew.")
            raise FieldError("control_characters", message, field=field)


def _duplicate() -> FieldError:
    message = _("A patient with this medical record number is already recorded at this hospital.")
    return FieldError(
        "duplicate_medical_record_number", message, field="medical_record_number", status=409
    )
