"""A hospital's settings: each change is kept as a new version, the newest is in force."""

from collections.abc import Collection
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext as _

from clinic.errors import FieldError, from_validation_error
from clinic.models import Hospital, User
from clinic.permissions import require_administer
from clinic.services.audit import record_event
from clinic.services.seen import merge_seen
from diagnosis.models import HospitalSettings

BANDS = ("monitor_from", "dermatologist_from", "urgent_from")
WORDS = ("words_none", "words_monitor", "words_dermatologist", "words_urgent")
FIGURES = ("alarm_hours", *BANDS)
EDITABLE = (*FIGURES, *WORDS)


def settings_in_force(hospitals: Collection[UUID]) -> dict[UUID, HospitalSettings]:
    """The newest version of each hospital that has set anything, in one query."""
    newest = HospitalSettings.objects.filter(hospital=OuterRef("hospital")).values("pk")[:1]
    rows = HospitalSettings.objects.filter(hospital__in=hospitals, pk=Subquery(newest))
    return {row.hospital_id: row for row in rows}


@transaction.atomic
def change_settings(
    *, actor: User, hospital: Hospital, seen: str = "", **fields: Any
) -> HospitalSettings:
    """A new version with these fields, the others as before; it holds for what is read from now on.

    ``seen`` is what the actor saw of those in force (clinic/services/seen.py). Raises DomainError:
    ``permission_denied`` (403), ``changed_meanwhile`` (409), or field errors. What changes nothing
    is no new version.
    """
    require_administer(actor, hospital.pk)
    # versions are only added, so that there is no row of theirs to lock
    Hospital.objects.select_for_update(no_key=True).get(pk=hospital.pk)
    before = settings_in_force([hospital.pk]).get(hospital.pk) or HospitalSettings()
    fields = merge_seen(before, EDITABLE, fields, seen)
    values = {name: fields.get(name, getattr(before, name)) for name in EDITABLE}
    changed = [name for name in EDITABLE if values[name] != getattr(before, name)]
    if not changed:
        return before
    _check_bands(values)
    after = HospitalSettings(hospital=hospital, author=actor, **values)
    try:
        after.clean_fields(exclude=["hospital", "author"])
    except ValidationError as error:
        raise from_validation_error(error) from error
    after.save(force_insert=True)
    # the log keeps figures, and of what was typed only that it changed
    figures = {name: [getattr(before, name), values[name]] for name in changed if name in FIGURES}
    details = {"fields": changed, "changes": figures}
    record_event(
        actor=actor, action="change_settings", hospital=hospital, obj=after, details=details
    )
    return after


def _check_bands(values: dict[str, Any]) -> None:
    """All three or none, and none of them empty: a gap or a fold would recommend nothing or two
    things, and a reading is never certain. Only "no action" may be given up, by monitoring all."""
    given = [values[name] for name in BANDS]
    if all(value is None for value in given):
        return
    if any(value is None for value in given):
        missing = next(name for name in BANDS if values[name] is None)
        message = _("Give all three bands, or none to use those of the model.")
        raise FieldError("bands_incomplete", message, field=missing)
    for lower, name in pairwise(BANDS):
        if values[name] <= values[lower]:
            message = _(
                "The bands must rise: monitor, then dermatologist, then urgent. Of two that are "
                "equal, the first would never be recommended."
            )
            raise FieldError("bands_fall", message, field=name)
    if values["urgent_from"] >= 1:
        message = _(
            "Below 100%, please: from 100% on no reading would be of high risk, “Urgent” would "
            "never be recommended, and no alarm would ever be raised."
        )
        raise FieldError("urgent_never", message, field="urgent_from")
