"""What was entered in error: marked with a reason, left out of lists and figures, never deleted."""

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clinic.errors import DomainError, FieldError
from clinic.models import ErrorReason, Image, Lesion, Patient, User
from clinic.models.standing import StandingQuerySet
from clinic.permissions import require_record
from clinic.refusals import refusal_message
from clinic.services.audit import record_event

# in the order in which they hold each other
Retracted = TypeVar("Retracted", bound=Patient | Lesion | Image)
COLUMNS = ["entered_in_error_at", "entered_in_error_by", "entered_in_error_reason"]


@transaction.atomic
def mark_entered_in_error(*, actor: User, record: Retracted, reason: str) -> Retracted:
    """Leave the record, and what it holds, out of every list and figure from now on.

    With a patient go the lesions, with a lesion the images, with an image its readings and reviews;
    what still waits to be read is cancelled. ``reason`` is one of ``ErrorReason``. Raises
    DomainError: ``permission_denied`` (403), ``unknown_reason``, ``entered_in_error`` (409) where
    it is marked already.
    """
    require_record(actor, record.hospital_id)
    if reason not in ErrorReason.values:
        message = _("Choose a reason of: %(known)s.") % {"known": ", ".join(ErrorReason.values)}
        raise FieldError("unknown_reason", message, field="reason")
    lock_holders(record)
    locked = lock_standing(record)
    mark = dict(zip(COLUMNS, (timezone.now(), actor, reason), strict=True))
    held = {name: rows.standing().update(**mark) for name, rows in below(locked).items()}
    return _write(actor, locked, "mark_entered_in_error", mark, {"reason": reason, **held})


@transaction.atomic
def reinstate(*, actor: User, record: Retracted) -> Retracted:
    """Put the record back into lists and figures, with what was marked together with it.

    Raises DomainError: ``permission_denied`` (403), ``not_in_error`` (409), ``held_in_error`` (409)
    where the lesion or patient that holds it is marked, ``duplicate_medical_record_number`` (409)
    where another patient has the number by now.
    """
    require_record(actor, record.hospital_id)
    holders = lock_holders(record)
    locked = lock(record)
    moment = locked.entered_in_error_at
    if moment is None:
        raise DomainError("not_in_error", _("This is not marked as entered in error."), status=409)
    if not all(holder.is_standing for holder in holders):
        message = _("What it belongs to is marked as entered in error. Reinstate that first.")
        raise DomainError("held_in_error", message, status=409)
    mark: dict[str, Any] = dict.fromkeys(COLUMNS)
    held = {
        name: rows.filter(entered_in_error_at=moment).update(**mark)
        for name, rows in below(locked).items()
    }
    try:
        with transaction.atomic():
            return _write(actor, locked, "reinstate", mark, {**held})
    except IntegrityError as error:
        message = _("Another patient has this medical record number by now. Correct that first.")
        raise DomainError("duplicate_medical_record_number", message, status=409) from error


class MayStand(Protocol):
    @property
    def is_standing(self) -> bool: ...


def require_standing(record: MayStand) -> None:
    """Raises DomainError ``entered_in_error`` (409): nothing is added to what is marked."""
    if not record.is_standing:
        code = "entered_in_error"
        raise DomainError(code, refusal_message(code, {}), status=409)


def lock(record: Retracted) -> Retracted:
    """The record as it is now, which nobody else changes or marks until the transaction ends."""
    # a row that points to it, such as what a worker writes meanwhile, is none of this: it need not
    # wait, and a worker that waited would hold what we are about to wait for
    rows = type(record).objects.select_for_update(no_key=True)
    return rows.get(pk=record.pk)  # type: ignore[return-value]


def lock_holders(record: Patient | Lesion | Image) -> list[Patient | Lesion]:
    """What holds the record, locked from the outermost inwards, as a mark goes: else of two who
    write each would hold what the other waits for."""
    return [lock(holder) for holder in reversed(list(above(record)))]


def lock_standing(record: Retracted) -> Retracted:
    """The same, before something is added to it. Raises DomainError ``entered_in_error`` (409)."""
    locked = lock(record)
    require_standing(locked)
    return locked


def below(record: Patient | Lesion | Image) -> dict[str, StandingQuerySet]:
    """What the record holds, in this app."""
    if isinstance(record, Patient):
        lesions, images = Lesion.objects.filter(patient=record), Image.objects
        return {"lesions": lesions, "images": images.filter(lesion__patient=record)}
    if isinstance(record, Lesion):
        return {"images": Image.objects.filter(lesion=record)}
    return {}


def above(record: Patient | Lesion | Image) -> Iterator[Patient | Lesion]:
    """What holds the record, the nearest first."""
    if isinstance(record, Image):
        yield record.lesion
        yield record.lesion.patient
    if isinstance(record, Lesion):
        yield record.patient


def _write(
    actor: User, record: Retracted, action: str, mark: dict[str, Any], details: dict[str, Any]
) -> Retracted:
    for column, value in mark.items():
        setattr(record, column, value)
    record.save(update_fields=COLUMNS)
    record_event(
        actor=actor, action=action, hospital=record.hospital_id, obj=record, details=details
    )
    return record
