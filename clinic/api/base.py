"""What the view sets share: how a record is found, shown, listed, and that this is noted."""

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from django.db.models import Model
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from clinic.api.parsers import LimitedJSONParser
from clinic.api.rules import RuleCode, no_such_record
from clinic.errors import DomainError
from clinic.permissions import get_visible, hospital_ids
from clinic.services.audit import record_event


def find_visible(source: Any, user: Any, pk: Any, *, field: str = "") -> Any:
    """The record of an identifier that a client sent, or a 404: whether it is malformed, unknown
    or invisible cannot be told apart. ``field`` is where it stood in the body or query."""
    try:
        return get_visible(source, user, pk=uuid.UUID(str(pk)))
    except (ValueError, DomainError):
        raise no_such_record(field) from None


# what the form of a page sends along with a file
FORM_FIELDS = {"csrfmiddlewaretoken"}


def in_shape(body: serializers.Serializer) -> dict[str, Any]:
    """What a client sent, in shape. Raises ValidationError of every field that is not.

    A field that is not known is refused: mistyped, it would be lost without a word.
    """
    given = body.initial_data if isinstance(body.initial_data, Mapping) else {}
    unknown = set(given) - set(body.fields) - FORM_FIELDS
    known = [name for name, shape in body.fields.items() if not shape.read_only]
    message = _("“%(name)s” is no field here. Known are: %(known)s.")
    wrong: dict[str, Any] = {
        name: [ErrorDetail(text, RuleCode("unknown_field"))]
        for name, text in unknown_names(message, unknown, known).items()
    }
    if not body.is_valid():
        wrong |= body.errors
    if wrong:
        raise serializers.ValidationError(wrong)
    return dict(body.validated_data)


def unknown_names(message: str, unknown: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """What is said of each name that the client gave."""
    said = {}
    for given in sorted(unknown):
        # half a surrogate pair can be received but not sent back
        name = given.encode("utf-8", "replace").decode()[:50]
        said[name] = message % {"name": name, "known": ", ".join(known)}
    return said


class ApiViewSet(GenericViewSet):
    """No answer is kept by a cache; options are described by the schema, not by OPTIONS."""

    http_method_names = ["get", "post", "patch", "delete", "head"]
    parser_classes: Any = (LimitedJSONParser,)
    ordering: tuple[str, ...] = ("-created_at", "id")
    # the shape of the query parameters of the list
    query_serializer_class: ClassVar[type[serializers.Serializer] | None] = None
    # what an address that is not a list reads beside it
    other_parameters: ClassVar[tuple[str, ...]] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.action == "list" or self.other_parameters:
            self.refuse_unknown_parameters()

    def refuse_unknown_parameters(self) -> None:
        """A filter that is mistyped would list everything."""
        known = [*self.known_parameters()]
        unknown = set(self.request.query_params) - set(known)
        if unknown:
            message = _("“%(name)s” is no parameter here. Known are: %(known)s.")
            said = unknown_names(message, unknown, known)
            errors = {name: [text] for name, text in said.items()}
            raise DomainError("unknown_parameter", next(iter(said.values())), errors=errors)

    def known_parameters(self) -> Iterator[str]:
        if self.query_serializer_class is not None:
            yield from self.query_serializer_class().fields
        yield from self.other_parameters
        for parameter in self.paginator.get_schema_operation_parameters(self):
            yield parameter["name"]

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    def get_ordering(self) -> tuple[str, ...]:
        return self.ordering

    def read_query(self) -> dict[str, Any]:
        """The query parameters that were given, in shape."""
        if self.query_serializer_class is None:
            return {}
        given = {name: text for name, text in self.request.query_params.items() if text != ""}
        query = self.query_serializer_class(data=given)
        query.is_valid(raise_exception=True)
        return dict(query.validated_data)

    def read_body(self, instance: Model | None = None, *, partial: bool = False) -> dict[str, Any]:
        """The request's body, in shape."""
        return in_shape(self.get_serializer(instance, data=self.request.data, partial=partial))

    def find(self, source: Any, query: dict[str, Any], field: str) -> Any:
        """The record that a body or query names, or None where it names none."""
        if query.get(field) is None:
            return None
        return find_visible(source, self.request.user, query[field], field=field)

    def filter_by(self, rows: Any, query: dict[str, Any], **sources: Any) -> Any:
        """Only rows of the records that the query names: ``hospital=(Hospital.objects, path)``."""
        for field, (source, path) in sources.items():
            record = self.find(source, query, field)
            if record is not None:
                rows = rows.filter(**{path: record})
        return rows


class RecordViewSet(ApiViewSet):
    """Clinical records: only those that the user may see, and each look is noted."""

    # in the names of the audit events: view_patient, list_patients
    noun: str
    plural: str
    # in the names of the addresses
    route: str

    def get_records(self) -> Any:
        """The query set from which everything starts, not yet restricted to a user; each kind of
        record has its own."""
        raise NotImplementedError

    def get_queryset(self) -> Any:
        return self.get_records().visible_to(self.request.user)

    def get_object(self) -> Any:
        return find_visible(self.get_records(), self.request.user, self.kwargs["pk"])

    def hospital_of(self, record: Any) -> uuid.UUID:
        """At which hospital the record is, for the audit log; each kind says it in its own way."""
        raise NotImplementedError

    def filter_rows(self, rows: Any, query: dict[str, Any]) -> Any:
        return rows

    def list(self, request: Request) -> Response:
        query = self.read_query()
        rows = self.paginate_queryset(self.filter_rows(self.get_queryset(), query))
        body = self.get_serializer(rows, many=True).data
        self.note_list(f"list_{self.plural}", query)
        return self.get_paginated_response(body)

    def retrieve(self, request: Request, pk: str) -> Response:
        record = self.get_object()
        body = self.get_serializer(record).data
        self.note_view(f"view_{self.noun}", record)
        return Response(body)

    def note_view(self, action: str, record: Any, **details: Any) -> None:
        record_event(
            actor=self.request.user,
            action=action,
            hospital=self.hospital_of(record),
            obj=record,
            details=details,
        )

    def note_list(self, action: str, query: dict[str, Any], **details: Any) -> None:
        """One event in the log of each hospital whose records the list may hold."""
        details = {"by": sorted(query)} | details
        for hospital in self.listed_hospitals(query):
            record_event(actor=self.request.user, action=action, hospital=hospital, details=details)

    def listed_hospitals(self, query: dict[str, Any]) -> Iterable[uuid.UUID | None]:
        if query.get("hospital"):
            return [uuid.UUID(query["hospital"])]
        # a user without any membership sees nothing, which is noted for the platform
        return sorted(hospital_ids(self.request.user)) or [None]

    def created(self, record: Any) -> Response:
        """201 with the record and its address."""
        headers = {"Location": self.address_of(record)}
        return Response(self.get_serializer(record).data, status=201, headers=headers)

    def address_of(self, record: Any) -> str:
        return reverse(f"{self.route}-detail", args=[record.pk], request=self.request)
