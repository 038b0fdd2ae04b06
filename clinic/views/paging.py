"""Pages of a long list, without counting it: a count of a million rows is dearer than the page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

PAGE_SIZE = 25


@dataclass(frozen=True)
class Page:
    """``rows`` of page ``number`` (from 1); ``previous`` and ``next`` are numbers or None."""

    rows: list[Any]
    number: int
    next: int | None

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def first_row(self) -> int:
        return (self.number - 1) * PAGE_SIZE + 1

    @property
    def last_row(self) -> int:
        return self.first_row + len(self.rows) - 1


def page_of(rows: QuerySet, number: int, wrap: Callable[[Any], Any] | None = None) -> Page:
    """One row more than the page holds is read, to know whether another page follows."""
    start = (number - 1) * PAGE_SIZE
    found = list(rows[start : start + PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    follows = number + 1 if len(found) > PAGE_SIZE else None
    return Page([wrap(row) for row in shown] if wrap else shown, number, follows)
