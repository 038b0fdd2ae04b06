"""Many rows at once into a table: COPY on PostgreSQL, one prepared INSERT on SQLite.

Values are texts, numbers or None, written as both databases read them: times as UTC texts,
identifiers as 32 hexadecimal digits, JSON as text. Constraints and triggers see every row.
"""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models

Row = Sequence[Any]


def write_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> None:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # names of tables and columns are this project's own
            statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
            cursor.copy_expert(statement, io.StringIO("".join(map(line, rows))))
        else:
            marks = ", ".join(["%s"] * len(columns))
            statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
            cursor.executemany(statement, list(rows))


def line(row: Row) -> str:
    return "\t".join("\\N" if value is None else str(value) for value in row) + "\n"


@dataclass
class Statistics:
    """Has the database learn what is in the tables whenever there is twice as much: triggers keep
    the plans of this session, and those made for empty tables read the full ones through."""

    written: int = 0
    known: int = 0

    def note(self, rows: int) -> None:
        self.written += rows
        if self.written >= 2 * self.known:
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
            self.known = self.written


def tidy() -> None:
    """What the database does by itself after a while: learn what is in the tables."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
