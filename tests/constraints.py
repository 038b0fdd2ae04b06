"""What the tests of the database's own rules share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, models, transaction


@dataclass(frozen=True)
class Rule:
    """A named constraint or trigger: every row of ``bad`` breaks it and nothing else; ``good`` are
    the nearest rows that it lets pass."""

    bad: dict[str, Callable[[], Any]]
    good: dict[str, Callable[[], Any]]


def cases(rules: dict[str, Rule], kind: str) -> list:
    """Parameters (name of the rule, what writes a row) for pytest."""
    return [
        pytest.param(name, write, id=f"{name}-{what}")
        for name, rule in rules.items()
        for what, write in getattr(rule, kind).items()
    ]


@contextmanager
def broken(name: str) -> Iterator[None]:
    """What is written inside breaks exactly the rule of this name."""
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        yield
    message = str(caught.value)
    unique = unique_constraints().get(name)
    if connection.vendor == "sqlite" and unique is not None:
        # SQLite names the columns of an index, not the index
        model, fields = unique
        columns = [model._meta.get_field(field).column for field in fields]
        named = ", ".join(f"{model._meta.db_table}.{column}" for column in columns)
        assert message.endswith(f"failed: {named}")
    else:
        assert name in message


def unique_constraints() -> dict[str, tuple[type[models.Model], tuple[str, ...]]]:
    return {
        constraint.name: (model, constraint.fields)
        for model in apps.get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, models.UniqueConstraint)
    }


def rules_of(app: str) -> set[str]:
    """The names of all constraints and triggers that an application has in the database."""
    found = {
        constraint.name
        for model in apps.get_app_config(app).get_models()
        for constraint in model._meta.constraints
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name LIKE %s"
            if connection.vendor == "sqlite"
            else "SELECT tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid "
            "WHERE NOT tgisinternal AND relname LIKE %s",
            [f"{app}_%"],
        )
        return found | {name for (name,) in cursor.fetchall()}
