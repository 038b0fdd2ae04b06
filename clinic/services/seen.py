"""What somebody saw of a record while they typed: so of two who change it the second is told."""

import hashlib
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NoReturn

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
    if isinstance(value, Decimal):
        # 5 as it is typed, and 5.00 as it is kept
        value = value.normalize()
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
    overtaken = [name for name, _as_seen in differences(record, names, fields, seen)]
    if overtaken:
        refuse(record, names, overtaken, together)


def merge_seen(
    record: models.Model,
    names: Collection[str],
    fields: Mapping[str, Any],
    seen: str,
    *,
    together: Collection[str] = (),
) -> dict[str, Any]:
    """``fields`` without those in which another value stands now and the actor left the one that
    was seen: what somebody else changed meanwhile stays. Takes what ``check_seen`` takes.

    Raises OvertakenError (409) where both changed the same field.
    """
    if not seen:
        return dict(fields)
    found = differences(record, names, fields, seen)
    overtaken = [name for name, as_seen in found if not as_seen]
    if any(name in together for name in overtaken):
        overtaken = [name for name, as_seen in found if not as_seen or name in together]
    left = [name for name, _as_seen in found if name not in overtaken]
    if overtaken:
        refuse(record, names, overtaken, together, left)
    return {name: value for name, value in fields.items() if name not in left}


def differences(
    record: models.Model, names: Collection[str], fields: Mapping[str, Any], seen: str
) -> list[tuple[str, bool]]:
    """The names in which another value stands than was seen and than is given; and whether the one
    given is the one that was seen."""
    before = dict(zip(names, seen.split(), strict=False))
    given = {name: as_stored(record, name, fields[name]) for name in names if name in fields}
    return [
        (name, before.get(name) == digest(value))
        for name, value in given.items()
        if value != getattr(record, name) and before.get(name) != digest(getattr(record, name))
    ]


def refuse(
    record: models.Model,
    names: Collection[str],
    overtaken: Collection[str],
    together: Collection[str],
    left: Collection[str] = (),
) -> NoReturn:
    errors = {name: [message_of(record, name)] for name in overtaken if name not in together}
    if len(errors) < len(overtaken):
        errors[next(iter(together))] = [_("The place on the figure was changed meanwhile.")]
    now = {name: getattr(record, name) for name in left}
    raise OvertakenError(errors, seen=seen_of(record, names), now=now)


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
