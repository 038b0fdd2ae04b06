"""Lesions: recorded and described."""

import math
import uuid
from collections import Counter
from collections.abc import Collection
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Func, IntegerField, OuterRef, Q, Subquery
from django.utils.translation import gettext as _

from clinic.body_map import find_place
from clinic.errors import FieldError, from_validation_error
from clinic.models import Lesion, Patient, User
from clinic.permissions import require_record
from clinic.services.audit import record_event
from clinic.services.entered_in_error import lock_standing
from clinic.services.fields import assign, check_past
from clinic.services.seen import merge_seen
from clinic.vocabulary import BodyView

PLACE = ("body_view", "body_x", "body_y")
EDITABLE = (
    "label",
    "anatom_site",
    "laterality",
    *PLACE,
    "diameter_mm",
    "first_noticed",
    "notes",
)


@transaction.atomic
def create_lesion(*, actor: User, patient: Patient, **fields: Any) -> Lesion:
    """Record a new lesion of the patient. Raises DomainError; nothing is stored then."""
    require_record(actor, patient.hospital_id)
    lock_standing(patient)
    return _write(
        actor,
        Lesion(patient=patient, hospital_id=patient.hospital_id),
        fields,
        action="create_lesion",
    )


@transaction.atomic
def update_lesion(*, actor: User, lesion: Lesion, seen: str = "", **fields: Any) -> Lesion:
    """Describe a lesion anew; fields that are not given stay as they are. Where none is another
    value than before, nothing is written.

    ``seen`` is what the actor saw of it (clinic/services/seen.py). Raises DomainError, among others
    ``changed_meanwhile`` (409).
    """
    require_record(actor, lesion.hospital_id)
    locked = lock_standing(lesion)
    fields = merge_seen(locked, EDITABLE, fields, seen, together=PLACE)
    return _write(actor, locked, fields, action="update_lesion")


def number_lesions(lesions: Collection[Lesion]) -> None:
    """Give each its ``number``, in one query for all."""
    if not lesions:
        return
    recorded = Lesion.objects.filter(patient__in={lesion.patient_id for lesion in lesions})
    numbers: dict[uuid.UUID, int] = {}
    counts: Counter[uuid.UUID] = Counter()
    for pk, patient in recorded.order_by("created_at", "pk").values_list("pk", "patient_id"):
        counts[patient] += 1
        numbers[pk] = counts[patient]
    for lesion in lesions:
        lesion.number = numbers[lesion.pk]


def number_in_query(lesion: str) -> Subquery:
    """The ``number`` of the lesion that a row of a query names by ``lesion``, within that query."""
    recorded = OuterRef(f"{lesion}__created_at")
    up_to = Q(created_at__lt=recorded) | Q(created_at=recorded, pk__lte=OuterRef(f"{lesion}__pk"))
    same_patient = Lesion.objects.filter(up_to, patient=OuterRef(f"{lesion}__patient"))
    # Count would group the rows, of which each row of the query pays
    counted = same_patient.order_by().annotate(up_to=Func("pk", function="COUNT"))
    return Subquery(counted.values("up_to"), output_field=IntegerField())


def _write(actor: User, lesion: Lesion, fields: dict[str, Any], *, action: str) -> Lesion:
    changed = assign(lesion, EDITABLE, fields)
    _check(lesion)
    if not changed and not lesion._state.adding:
        return lesion
    _locate(lesion)
    lesion.save()
    record_event(
        actor=actor,
        action=action,
        hospital=lesion.hospital_id,
        obj=lesion,
        details={"fields": changed},
    )
    return lesion


def _locate(lesion: Lesion) -> None:
    """A place on the body map says the site and the side that nobody gave."""
    view, x, y = lesion.body_view, lesion.body_x, lesion.body_y
    if view is None or x is None or y is None or lesion.anatom_site is not None:
        return
    if place := find_place(BodyView(view), x, y):
        lesion.anatom_site, side = place
        lesion.laterality = lesion.laterality or side


def _check(lesion: Lesion) -> None:
    place = (lesion.body_view, lesion.body_x, lesion.body_y)
    if any(part is None for part in place) and any(part is not None for part in place):
        message = _("A place on the body map needs view, x and y.")
        raise FieldError("body_map_incomplete", message, field="body_map")
    try:
        lesion.clean_fields(exclude=["patient", "hospital"])
    except ValidationError as error:
        raise from_validation_error(error) from error
    # the limits of a field let NaN pass, because it is neither less nor more
    if any(part is not None and math.isnan(part) for part in (lesion.body_x, lesion.body_y)):
        raise FieldError("invalid", _("The place is not a number."), field="body_map")
    if lesion.first_noticed is not None:
        check_past(lesion.first_noticed, patient=lesion.patient, field="first_noticed")
