"""Lists in pages that stay right while rows come and go (clinic/keyset.py)."""

from typing import Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from clinic import keyset
from clinic.errors import FieldError
from clinic.permissions import hospital_ids

CURSOR = "cursor"
PAGE_SIZE = "page_size"


class CursorPagination(BasePagination):
    """``{"results", "next", "previous"}`` in the order that the view's ``ordering`` names.

    (The framework's own compares the first field and counts ties, which loses rows where more than
    a thousand tie, and cannot compare nulls.)
    """

    page_size = 50
    max_page_size = 100

    def paginate_queryset(
        self, queryset: QuerySet, request: Request, view: Any = None
    ) -> list[Model]:
        self.address = request.build_absolute_uri()
        ordering = tuple(view.get_ordering())
        filters = filters_of(request)
        cursor = self.read_cursor(request, queryset.model, ordering, filters)
        hospitals = hospital_ids(request.user) if has_hospital(queryset.model) else []
        size = self.read_size(request)
        self.found = keyset.slice_of(queryset, ordering, cursor, size, hospitals, filters)
        return self.found.rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, **self.links()})

    def links(self) -> dict[str, str | None]:
        return {"next": self.link(self.found.next), "previous": self.link(self.found.previous)}

    def link(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        return replace_query_param(remove_query_param(self.address, CURSOR), CURSOR, cursor)

    def read_cursor(
        self, request: Request, model: type[Model], ordering: tuple[str, ...], filters: list[Any]
    ) -> keyset.Cursor | None:
        text = request.query_params.get(CURSOR)
        if not text:
            return None
        cursor = keyset.read_cursor(text, model, ordering, filters)
        if cursor is None:
            message = _("The cursor does not belong to this list. Begin again without it.")
            raise FieldError("invalid_cursor", message, field=CURSOR)
        return cursor

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
            parameter(
                CURSOR,
                {"type": "string"},
                "Where the page begins, from next or previous of the same list and filters.",
            ),
            parameter(
                PAGE_SIZE,
                size | {"default": self.page_size},
                f"How many rows at most; whoever asks for more gets {self.max_page_size}.",
            ),
        ]


def filters_of(request: Request) -> list[Any]:
    """Of which rows the list is: its address, and what was asked of it but for the page."""
    given = request.query_params.items()
    asked = sorted(pair for pair in given if pair[0] not in (CURSOR, PAGE_SIZE) and pair[1])
    return [request.path, asked]


def has_hospital(model: type[Model]) -> bool:
    return any(field.name == "hospital" for field in model._meta.fields)


def parameter(name: str, schema: dict, description: str) -> dict:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": schema,
        "description": description,
    }
