"""What the services that write a record's fields share."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import models


def assign(record: models.Model, names: Iterable[str], fields: Mapping[str, Any]) -> None:
    """Set those of ``names`` that are given. Texts lose the blanks around them; an empty one is no
    value where the column may have none."""
    for name in names:
        if name not in fields:
            continue
        value = fields[name]
        if isinstance(value, str):
            value = value.strip()
            column = record._meta.get_field(name)
            value = None if value == "" and column.null else value
        setattr(record, name, value)
