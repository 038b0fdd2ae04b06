"""Lists in pages that stay right while rows come and go."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from clinic.errors import FieldError

CURSOR = "cursor"
PAGE_SIZE = "page_size"


class Cursor(NamedTuple):
    """Where a page begins: behind the row with these values of the ordering's fields."""

    ordering: tuple[str, ...]
    values: tuple[Any, ...]
    backwards: bool = False


class CursorPagination(BasePagination):
    """``{"results", "next", "previous"}`` in the order that the view's ``ordering`` names.

    The cursor holds the values of the whole ordering, whose last field is unique and none of which
    is null. (The framework's own compares the first field and counts ties, which loses rows where
    more than a thousand tie, and cannot compare nulls.) It is signed, so that only values which we
    have put there reach the database.
    """

    page_size = 50
    max_page_size = 100

    def paginate_queryset(
        self, queryset: QuerySet, request: Request, view: Any = None
    ) -> list[Model]:
        self.address = request.build_absolute_uri()
        self.ordering = tuple(view.get_ordering())
        cursor = self.read_cursor(request)
        size = self.read_size(request)
        backwards = cursor is not None and cursor.backwards
        rows = queryset.order_by(*(reverse(self.ordering) if backwards else self.ordering))
        if cursor is not None:
            rows = rows.filter(behind(cursor))
        found = list(rows[: size + 1])
        more, found = len(found) > size, found[:size]
        if backwards:
            found.reverse()
        self.found = found
        self.has_next = backwards or more
        self.has_previous = more if backwards else cursor is not None
        return found

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, **self.links()})

    def links(self) -> dict[str, str | None]:
        forward = self.found and self.has_next
        back = self.found and self.has_previous
        return {
            "next": self.link(self.found[-1], backwards=False) if forward else None,
            "previous": self.link(self.found[0], backwards=True) if back else None,
        }

    def link(self, row: Model, *, backwards: bool) -> str:
        values = [plain(getattr(row, name.lstrip("-"))) for name in self.ordering]
        cursor = signing.dumps([self.ordering, values, backwards], salt=CURSOR)
        return replace_query_param(remove_query_param(self.address, CURSOR), CURSOR, cursor)

    def read_cursor(self, request: Request) -> Cursor | None:
        text = request.query_params.get(CURSOR)
        if not text:
            return None
        try:
            ordering, values, backwards = signing.loads(text, salt=CURSOR)
        except signing.BadSignature:
            raise invalid_cursor() from None
        # the same cursor with another ?ordering= would start anywhere
        if tuple(ordering) != self.ordering:
            raise invalid_cursor()
        return Cursor(self.ordering, tuple(values), backwards)

    def read_size(self, request: Request) -> int:
        text = request.query_params.get(PAGE_SIZE)
        if not text:
            return self.page_size
        if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) < 1:
            message = _("The page size is a number from 1 to %(most)d.")
            raise FieldError("invalid", message % {"most": self.max_page_size}, field=PAGE_SIZE)
        return min(int(text), self.max_page_size)

    def get_paginated_response_schema(self, schema: dict) -> dict:
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {"results": schema, "next": link, "previous": link}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict]:
        size = {"type": "integer", "minimum": 1, "maximum": self.max_page_size}
        return [
            parameter(CURSOR, {"type": "string"}, "Where the page begins, from next or previous."),
            parameter(PAGE_SIZE, size | {"default": self.page_size}, "How many rows at most."),
        ]


def parameter(name: str, schema: dict, description: str) -> dict:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": schema,
        "description": description,
    }


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


def plain(value: Any) -> Any:
    """A field's value as JSON that the field reads again without loss."""
    if isinstance(value, int | float | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def invalid_cursor() -> FieldError:
    message = _("The cursor does not belong to this list. Begin again without it.")
    return FieldError("invalid_cursor", message, field=CURSOR)
