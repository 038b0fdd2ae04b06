"""Histopathology: recorded when it comes, never changed, corrected by a new finding."""

import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from clinic.errors import FieldError, from_validation_error
from clinic.models import Lesion, User
from clinic.permissions import require_record
from clinic.services.audit import record_event
from clinic.services.entered_in_error import lock_standing
from clinic.services.fields import check_past
from diagnosis.models import Histopathology
from diagnosis.services.reviews import check_notes
from ml.taxonomy import BY_LABEL


@transaction.atomic
def record_histopathology(
    *,
    actor: User,
    lesion: Lesion,
    diagnosis: str,
    confirmed_by: str,
    date: datetime.date,
    notes: str = "",
) -> Histopathology:
    """Record what the pathologist ``confirmed_by`` found in the lesion; the newest finding counts.

    ``diagnosis`` is a label of ml.taxonomy. Raises DomainError: ``permission_denied`` (403),
    ``entered_in_error`` (409), or field errors: ``unknown_diagnosis``, ``notes_too_long``,
    ``invalid``, those of ``check_past``.
    """
    hospital = lesion.hospital_id
    require_record(actor, hospital)
    lock_standing(lesion)
    _check(diagnosis)
    check_notes(notes)
    check_past(date, patient=lesion.patient, field="date")
    finding = Histopathology(
        lesion=lesion,
        diagnosis=diagnosis,
        confirmed_by=confirmed_by.strip(),
        date=date,
        notes=notes.strip(),
        recorded_by=actor,
    )
    try:
        finding.clean_fields(exclude=["lesion", "recorded_by"])
    except ValidationError as error:
        raise from_validation_error(error) from error
    finding.save()
    record_event(actor=actor, action="record_histopathology", hospital=hospital, obj=finding)
    return finding


def _check(diagnosis: str) -> None:
    if diagnosis not in BY_LABEL:
        message = _("Choose a diagnosis of: %(known)s.") % {"known": ", ".join(BY_LABEL)}
        raise FieldError("unknown_diagnosis", message, field="diagnosis")
