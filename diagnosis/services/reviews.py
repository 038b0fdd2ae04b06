"""Reviews: a draft is saved, a named doctor signs it, a later one amends it."""

import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clinic.errors import DomainError, FieldError
from clinic.models import User
from clinic.permissions import require_review
from clinic.services.audit import record_event
from clinic.services.entered_in_error import lock_standing, require_standing
from clinic.services.fields import assign
from clinic.services.seen import check_seen
from diagnosis.interpretation import label_name
from diagnosis.models import DiagnosisRequest, Management, Review
from ml.taxonomy import BY_LABEL

MAXIMUM_NOTES = 5000
# of ml.taxonomy: what is not merely monitored
MOST_SEVERE = 3
# a later day is a slip of the year, with which the follow-up would be lost
RECALL_YEARS = 10
EDITABLE = ("conclusion", "management", "notes", "recall_on")


@transaction.atomic
def save_review(
    *,
    actor: User,
    request: DiagnosisRequest,
    conclusion: str,
    management: str,
    notes: str = "",
    sign: bool = False,
    amends: Review | None = None,
    recall_on: datetime.date | None = None,
    seen: str = "",
) -> Review:
    """Save the doctor's conclusion as the request's draft, or sign it.

    ``recall_on`` is the day on which the lesion is to be seen again. Signing where a signed review
    exists needs ``amends``, the review that the doctor has seen: so of two doctors who sign at the
    same moment the second is told. So is, by ``seen`` (clinic/services/seen.py), who would write
    over a draft of somebody else. Raises DomainError: ``entered_in_error`` (409), ``not_read_yet``
    (409), ``already_signed`` (409), ``changed_meanwhile`` (409), ``nothing_changed`` (400),
    ``permission_denied`` (403), or field errors.
    """
    require_review(actor, request.hospital_id)
    _check(conclusion, management, notes, recall_on)
    # the lesion first, as whoever marks a picture of it or adds one: each changes its recalls
    lock_standing(request.image.lesion)
    locked = DiagnosisRequest.objects.select_for_update().get(pk=request.pk)
    require_standing(locked)
    if locked.is_open:
        message = _("The picture is still being read. Review it when the reading is there.")
        raise DomainError("not_read_yet", message, status=409)
    latest = locked.reviews.filter(signed_at__isnull=False, amended_by__isnull=True).first()
    if latest != amends:
        raise _already_signed(latest)
    review = _draft(locked) or Review(request=locked)
    values = (conclusion, management, notes, recall_on)
    fields = dict(zip(EDITABLE, values, strict=True))
    check_seen(review, EDITABLE, fields, seen)
    if sign and amends is not None and _says_nothing_new(amends, actor, fields):
        raise DomainError("nothing_changed", _("You have signed exactly this already."))
    assign(review, EDITABLE, fields)
    review.author = actor
    if sign:
        review.signed_by, review.signed_at, review.amends = actor, timezone.now(), amends
    try:
        with transaction.atomic():
            review.save()
    except IntegrityError as error:
        raise _already_signed(None) from error
    record_event(
        actor=actor,
        action="sign_review" if sign else "save_review",
        hospital=locked.hospital_id,
        obj=review,
        details={"request": str(locked.pk), "amends": str(amends.pk) if amends else None},
    )
    return review


def _draft(request: DiagnosisRequest) -> Review | None:
    return request.reviews.filter(signed_at__isnull=True).first()


def _check(conclusion: str, management: str, notes: str, recall_on: datetime.date | None) -> None:
    check_conclusion(conclusion)
    check_management(management)
    check_notes(notes)
    if recall_on is not None:
        check_recall(recall_on)


def check_conclusion(conclusion: str) -> None:
    """Raises FieldError: ``unknown_conclusion``."""
    if conclusion not in BY_LABEL:
        message = _("Choose a conclusion of: %(known)s.") % {"known": ", ".join(BY_LABEL)}
        raise FieldError("unknown_conclusion", message, field="conclusion")


def check_management(management: str) -> None:
    """Raises FieldError: ``unknown_management``."""
    if management not in Management.values:
        known = ", ".join(Management.values)
        message = _("Choose a management of: %(known)s.") % {"known": known}
        raise FieldError("unknown_management", message, field="management")


def check_notes(notes: str) -> None:
    """Raises FieldError: ``notes_too_long``."""
    if len(notes) > MAXIMUM_NOTES:
        message = _("The notes are longer than %(limit)d characters.") % {"limit": MAXIMUM_NOTES}
        raise FieldError("notes_too_long", message, field="notes")


def check_recall(day: datetime.date) -> None:
    """Raises FieldError: ``recall_in_past``, ``recall_too_late``."""
    if day <= timezone.localdate():
        message = _("The recall must be after today.")
        raise FieldError("recall_in_past", message, field="recall_on")
    if day.year > timezone.localdate().year + RECALL_YEARS:
        message = _("The recall must be within %(years)d years.") % {"years": RECALL_YEARS}
        raise FieldError("recall_too_late", message, field="recall_on")


def _already_signed(review: Review | None) -> DomainError:
    if review is None or review.signed_by is None:
        message = _("Another review was signed meanwhile. Look at it before you sign yours.")
        return DomainError("already_signed", message, status=409)
    message = _(
        "%(name)s has signed a review: “%(conclusion)s”, “%(management)s”. Yours would amend it."
    )
    values = {
        "name": review.signed_by.display_name,
        "conclusion": label_name(review.conclusion),
        "management": review.get_management_display(),
    }
    return DomainError("already_signed", message % values, status=409)


def _says_nothing_new(amends: Review, actor: User, fields: dict[str, Any]) -> bool:
    """Of an amendment; a colleague's signature below the same words is one."""
    same = all(getattr(amends, name) == value for name, value in fields.items())
    return same and amends.signed_by == actor


def is_unusual(conclusion: str | None, management: str | None) -> bool:
    """Whether so little is to be done about what was concluded that it may be a slip."""
    found = BY_LABEL.get(conclusion or "")
    if found is None or not found.malignant:
        return False
    too_little = [Management.NONE]
    if found.severity >= MOST_SEVERE:
        too_little.append(Management.MONITOR)
    return management in too_little
