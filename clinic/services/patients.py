"""Patients: recorded and corrected."""

import datetime
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
from clinic.services.seen import merge_seen

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
    """Correct some fields of a patient; those that are not given stay as they are. Where none is
    another value than before, nothing is written.

    ``seen`` is what the actor saw of it (clinic/services/seen.py). Raises DomainError, among others
    ``changed_meanwhile`` (409).
    """
    require_record(actor, patient.hospital_id)
    locked = lock_standing(patient)
    fields = merge_seen(locked, EDITABLE, fields, seen)
    return _write(actor, locked, fields, action="update_patient")


def _write(actor: User, patient: Patient, fields: dict[str, Any], *, action: str) -> Patient:
    changed = assign(patient, EDITABLE, fields)
    _check(patient)
    if not changed and not patient._state.adding:
        return patient
    try:
        with transaction.atomic():
            patient.save()
            record_event(
                actor=actor,
                action=action,
                hospital=patient.hospital_id,
                obj=patient,
                details={"fields": changed},
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
    check_number(patient.medical_record_number)
    for field in ("given_name", "family_name"):
        check_name(getattr(patient, field), field=field)
    if patient.birth_date is not None:
        check_birth_date(patient.birth_date)
    same = (
        Patient.objects.standing()
        .filter(hospital=patient.hospital_id)
        .numbered(patient.medical_record_number)
    )
    if same.exclude(pk=patient.pk).exists():
        raise _duplicate()


def check_number(number: str) -> None:
    """Two numbers that look the same are one number. Raises FieldError."""
    if not number.isprintable():
        message = _("The number holds characters that cannot be seen. Type it anew.")
        raise FieldError("invisible_characters", message, field="medical_record_number")


def check_name(name: str, *, field: str) -> None:
    """A line break is no part of a name. Raises FieldError."""
    if any(unicodedata.category(character) == "Cc" for character in name):
        message = _("The name holds a line break or another control character. Type it anew.")
        raise FieldError("control_characters", message, field=field)


def check_birth_date(day: datetime.date) -> None:
    """Raises FieldError: ``birth_date_in_future``, ``birth_date_too_old``."""
    if day > timezone.localdate():
        message = _("The birth date lies in the future.")
        raise FieldError("birth_date_in_future", message, field="birth_date")
    if day.year < OLDEST_YEAR:
        message = _("The birth date is too long ago.")
        raise FieldError("birth_date_too_old", message, field="birth_date")


def _duplicate() -> FieldError:
    message = _("A patient with this medical record number is already recorded at this hospital.")
    return FieldError(
        "duplicate_medical_record_number", message, field="medical_record_number", status=409
    )
