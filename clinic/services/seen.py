"""What somebody saw of a record while they typed: so of two who change it the second is told."""

import hashlib
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from django.db import models
from django.utils.formats import localize
from django.utils.translation import gettext as _

from clinic.errors import OvertakenError
from clinic.measures import entered
from clinic.services.fields import as_stored


def seen_of(record: models.Model, names: Collection[str]) -> str:
    """What goes with a form and comes back with it: a short digest of each of the values."""
    return " ".join(digest(getattr(record, name)) for name in names)


def digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:12]


def check_seen(
    record: models.Model,
    names: Collection[str],
    fields: Mapping[str, Any],
    seen: str,
    *,
    together: Collection[str] = (),
) -> None:
    """Before ``fields`` are set of a record that is locked. ``seen`` is empty for a caller who has
    seen no form; ``together`` are names that a form shows as one thing.

    Raises OvertakenError (409) where another value stands now than was seen and than is given.
    """
    if not seen:
        return
    before = dict(zip(names, seen.split(), strict=False))
    overtaken = [
        name
        for name in names
        if before.get(name) != digest(getattr(record, name))
        and name in fields
        and as_stored(record, name, fields[name]) != getattr(record, name)
    ]
    if not overtaken:
        return
    errors = {name: [message_of(record, name)] for name in overtaken if name not in together}
    if len(errors) < len(overtaken):
        errors[next(iter(together))] = [_("The place on the figure was changed meanwhile.")]
    raise OvertakenError(errors, seen=seen_of(record, names))


def message_of(record: models.Model, name: str) -> str:
    value = getattr(record, name)
    if value in (None, ""):
        return _("Emptied meanwhile.")
    return _("Changed meanwhile: now “%(value)s”.") % {"value": words_of(record, name, value)}


def words_of(record: models.Model, name: str, value: Any) -> str:
    """A value as its form shows it."""
    if (display := getattr(record, f"get_{name}_display", None)) is not None:
        return str(display())
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, Decimal):
        return localize(entered(value))
    # the only other numbers with a fraction that a form shows are shares
    return f"{value * 100:g}%" if isinstance(value, float) else str(value)
