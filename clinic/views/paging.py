"""Pages of a long list, without counting it: a count of a million rows is dearer than the page."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core import paginator
from django.db.models import QuerySet
from django.http import HttpRequest

from clinic import keyset
from clinic.permissions import hospital_ids

PAGE_SIZE = 25
# full rows of two, three, four and six
CARDS_A_PAGE = 48
CURSOR = "cursor"


@dataclass(frozen=True)
class Page:
    """``next`` and ``previous`` are positions for ``?cursor=`` or None."""

    rows: list[Any]
    next: str | None
    previous: str | None

    @property
    def is_first(self) -> bool:
        return self.previous is None


def page_of(
    rows: QuerySet,
    request: HttpRequest,
    ordering: Sequence[str],
    wrap: Callable[[Any], Any] | None = None,
    hospitals: Collection[UUID] | None = None,
) -> Page:
    """The page at the request's cursor; the first where that makes no sense.

    ``rows`` are of ``hospitals``, those of the user where it is None; empty for rows that name
    none. ``ordering`` ends with a unique field and holds none that may be null.
    """
    text = request.POST.get(CURSOR) or request.GET.get(CURSOR, "")
    cursor = keyset.read_cursor(text, rows.model, ordering) if text else None
    if hospitals is None:
        hospitals = hospital_ids(request.user)
    found = keyset.slice_of(rows, ordering, cursor, PAGE_SIZE, hospitals)
    # a page from which everything has gone: the list begins again
    if not found.rows and cursor is not None:
        found = keyset.slice_of(rows, ordering, None, PAGE_SIZE, hospitals)
    return Page([wrap(row) for row in found.rows] if wrap else found.rows, *found[1:])


def numbered_page(
    request: HttpRequest,
    rows: Sequence[Any],
    size: int,
    key: Callable[[Any], UUID] | None = None,
) -> paginator.Page:
    """The page of ``?page=``, or the one on which the row whose ``key`` is ``?picture=`` stands;
    for a list that is counted and in memory."""
    pages = paginator.Paginator(rows, size)
    if key and (wanted := request.GET.get("picture")):
        for place, row in enumerate(rows):
            if str(key(row)) == wanted:
                return pages.page(place // size + 1)
    return pages.get_page(request.GET.get("page"))
