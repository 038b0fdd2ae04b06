"""Pages that begin behind a row instead of after so many: as quick for the last as for the first,
and no row is shown twice or left out while others come and go.

The ordering's last field is unique and none of its fields is null. A position is encrypted: it
stands in addresses, which browsers and proxies keep, and a list of patients is ordered by names.
Only values which we have put there reach the database.

The keys of a page are looked for first, of each hospital for itself, and then the rows of these
keys with all that is shown of them. So an index of hospital, ordering and filters says alone which
they are, also where a filter matches nothing, and whatever else is shown is read for one page
(docs/decisions/0034-a-list-is-of-one-hospital.md).
"""

import base64
import hashlib
import json
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.db.models.sql.where import WhereNode
from django.utils.crypto import salted_hmac

PURPOSE = "clinic.keyset"  # what the key is made for


class Cursor(NamedTuple):
    """Where a page begins: behind the row with these values of the ordering's fields."""

    ordering: tuple[str, ...]
    values: tuple[Any, ...]
    backwards: bool = False


class Slice(NamedTuple):
    """The rows of one page, and the positions of its neighbours or None."""

    rows: list[Any]
    next: str | None
    previous: str | None


def write_cursor(
    row: Model, ordering: Sequence[str], filters: Sequence[Any] = (), *, backwards: bool
) -> str:
    values = [plain(value_of(row, name.lstrip("-"))) for name in ordering]
    written = [mark_of(type(row), ordering, filters), values, backwards]
    return cipher().encrypt(json.dumps(written).encode()).decode()


def read_cursor(
    text: str, model: type[Model], ordering: Sequence[str], filters: Sequence[Any] = ()
) -> Cursor | None:
    """None for what was not written by us for this list."""
    try:
        mark, values, backwards = json.loads(cipher().decrypt(text))
    except (InvalidToken, ValueError):
        return None
    if mark != mark_of(model, ordering, filters):
        return None
    return Cursor(tuple(ordering), tuple(values), backwards)


def mark_of(model: type[Model], ordering: Sequence[str], filters: Sequence[Any]) -> str:
    """Of one list: the same position in another, or in another order, would be anywhere."""
    parts = json.dumps([model._meta.label, ordering, filters])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def cipher() -> MultiFernet:
    """Of the key of the site, and of the keys before it."""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    keys = (salted_hmac(PURPOSE, "", secret, algorithm="sha256").digest() for secret in secrets)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])


def slice_of(
    queryset: QuerySet,
    ordering: Sequence[str],
    cursor: Cursor | None,
    size: int,
    hospitals: Collection[UUID] = (),
    filters: Sequence[Any] = (),
) -> Slice:
    """``size`` rows from the cursor's position on, in the ordering; two queries.

    One key more is read, to know whether another page follows. ``hospitals`` are those of the
    rows, where these have one; ``filters`` tell apart the lists of one model whose positions are
    not to be mixed.
    """
    backwards = cursor is not None and cursor.backwards
    order = reverse(ordering) if backwards else ordering
    rows = queryset if cursor is None else queryset.filter(behind(cursor))
    keys = first_keys(rows, order, hospitals, size + 1)
    more, found = len(keys) > size, list(of_keys(queryset, keys[:size]).order_by(*order))
    if backwards:
        found.reverse()
    follows = bool(found) and (backwards or more)
    precedes = bool(found) and (more if backwards else cursor is not None)
    return Slice(
        found,
        write_cursor(found[-1], ordering, filters, backwards=False) if follows else None,
        write_cursor(found[0], ordering, filters, backwards=True) if precedes else None,
    )


def first_keys(
    rows: QuerySet, ordering: Sequence[str], hospitals: Collection[UUID], count: int
) -> list[Any]:
    """The keys of the first ``count`` rows. No index has the rows of several hospitals in order:
    of these, the first of the first of each."""
    if rows.query.is_empty():
        return []
    found = rows.order_by(*ordering).values_list(*(name.lstrip("-") for name in ordering))
    if len(hospitals) > 1 and connection.features.supports_slicing_ordering_in_compound:
        first, *others = (found.filter(hospital=pk)[:count] for pk in sorted(hospitals))
        found = first.union(*others, all=True).order_by(*ordering)
    return [values[-1] for values in found[:count]]


def of_keys(rows: QuerySet, keys: Sequence[Any]) -> QuerySet:
    """What ``rows`` shows of these keys, which its filters have chosen: asked for again, they would
    only tempt the database to begin with all the rows that they leave."""
    found = rows.all()
    found.query.where = WhereNode()
    return found.filter(pk__in=keys)


def reverse(ordering: Sequence[str]) -> list[str]:
    return [name[1:] if name.startswith("-") else f"-{name}" for name in ordering]


def behind(cursor: Cursor) -> Q:
    """The rows that come after the cursor's position."""
    ordering = reverse(cursor.ordering) if cursor.backwards else cursor.ordering
    found, equal = Q(), Q()
    for name, value in zip(ordering, cursor.values, strict=True):
        field, lookup = name.lstrip("-"), "lt" if name.startswith("-") else "gt"
        found |= equal & Q(**{f"{field}__{lookup}": value})
        equal &= Q(**{field: value})
    # says the same as a part of ``found``, in a form for which the database uses an index
    first = ordering[0]
    bound = f"{first.lstrip('-')}__{'lte' if first.startswith('-') else 'gte'}"
    return Q(**{bound: cursor.values[0]}) & found


def value_of(row: Any, path: str) -> Any:
    for name in path.split("__"):
        row = getattr(row, name)
    return row


def plain(value: Any) -> Any:
    """A field's value as JSON that the field reads again without loss."""
    if isinstance(value, int | float | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
