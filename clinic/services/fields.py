"""What the services that write a record's fields share."""

import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from clinic.errors import FieldError
from clinic.models import Patient

# nobody who lives was born before
OLDEST_YEAR = 1880


def assign(record: models.Model, names: Iterable[str], fields: Mapping[str, Any]) -> list[str]:
    """Set those of ``names`` that are given. Texts lose the blanks around them; an empty one is no
    value where the column may have none. Answers the names of what is another value than before, in
    the order of the alphabet."""
    changed = []
    for name in names:
        if name in fields:
            value = as_stored(record, name, fields[name])
            if value != getattr(record, name):
                changed.append(name)
            setattr(record, name, value)
    return sorted(changed)


def as_stored(record: models.Model, name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    value = value.strip()
    return None if value == "" and record._meta.get_field(name).null else value


def check_past(day: datetime.date, *, patient: Patient, field: str) -> None:
    """Of a day on which something of the patient was seen. Raises FieldError: ``date_in_future``,
    ``date_before_birth`` or, where no birth date is recorded, ``date_too_old``."""
    check_not_in_future(day, field=field)
    check_not_before_birth(day, patient=patient, field=field)


def check_not_in_future(day: datetime.date, *, field: str) -> None:
    if day > timezone.localdate():
        raise FieldError("date_in_future", _("The date lies in the future."), field=field)


def check_not_before_birth(day: datetime.date, *, patient: Patient, field: str) -> None:
    if patient.birth_date is not None and day < patient.birth_date:
        message = _("The date lies before the patient's birth.")
        raise FieldError("date_before_birth", message, field=field)
    if day.year < OLDEST_YEAR:
        raise FieldError("date_too_old", _("The date is too long ago."), field=field)
