"""Many rows of one table saved in one statement."""

from collections.abc import Sequence

from django.db import connection, models


def update_rows(rows: Sequence[models.Model], names: Sequence[str]) -> None:
    """Save the fields ``names`` of each of ``rows``, which are of one model and exist.

    QuerySet.bulk_update writes a CASE for every field of every row, which costs the worker more
    than the rest of its writing together; PostgreSQL takes the values as a table.
    """
    if not rows:
        return
    model = type(rows[0])
    if connection.vendor != "postgresql":
        model._default_manager.bulk_update(rows, names)
        return
    key = model._meta.pk
    fields = [model._meta.get_field(name) for name in names]
    columns = [connection.ops.quote_name(field.column) for field in (key, *fields)]
    casts = ", ".join(f"%s::{field.db_type(connection)}" for field in (key, *fields))
    table = connection.ops.quote_name(model._meta.db_table)
    changes = ", ".join(f"{column} = changed.{column}" for column in columns[1:])
    values = ", ".join([f"({casts})"] * len(rows))
    statement = (
        # names of our own tables and columns; the values are parameters
        f"UPDATE {table} SET {changes} "  # noqa: S608
        f"FROM (VALUES {values}) AS changed ({', '.join(columns)}) "
        f"WHERE {table}.{columns[0]} = changed.{columns[0]}"
    )
    parameters = [
        field.get_db_prep_save(getattr(row, field.attname), connection)
        for row in rows
        for field in (key, *fields)
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
