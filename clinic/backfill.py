"""How a migration fills a new column of a large table."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

CHUNK = 10_000


def fill_in_chunks(rows: QuerySet, **values: Any) -> None:
    """``rows.update(**values)``, in transactions of ``CHUNK`` rows by rising key.

    For a migration that is not atomic: nobody waits long for a row, and where ``rows`` leaves out
    what is filled, one that was interrupted goes on where it was.
    """
    keys, last = rows.order_by("pk").values_list("pk", flat=True), UUID(int=0)
    while chunk := list(keys.filter(pk__gt=last)[:CHUNK]):
        with transaction.atomic():
            rows.model._base_manager.filter(pk__in=chunk).update(**values)
        last = chunk[-1]
