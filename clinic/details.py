"""The details of an audit event as words: they are stored as keys, codes and counts."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.utils.formats import localize
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from clinic.actions import ACTIONS
from clinic.measures import entered, exact_percent
from clinic.models import AuditEvent, ErrorReason, Role

NAMES: dict[str, Promise] = {
    "amends": _("amends the review"),
    "by": _("filtered by"),
    "count": _("files"),
    "diameter_mm": _("diameter in mm"),
    "fields": _("fields"),
    "format": _("format"),
    "image": _("image"),
    "images": pgettext_lazy("how many", "images"),
    "invited_by": _("invited by"),
    "lesions": pgettext_lazy("how many", "lesions"),
    "membership": _("membership"),
    "model_version": _("model version"),
    "page": _("on the page"),
    "part": _("what of it"),
    "patient": _("patient"),
    "person": _("person"),
    "reason": _("reason"),
    "request": _("request"),
    "role": _("role"),
    "rows": _("rows"),
    "scopes": _("scopes"),
    "signed": _("signed reviews"),
    "through": _("through"),
    "token": _("token"),
    "user": _("user"),
}
CODES: dict[str, Mapping[Any, Any]] = {
    "format": {"csv": "CSV", "pdf": "PDF", "zip": "ZIP", "json": "JSON"},
    "page": {"new_diagnosis": _("New diagnosis")},
    "part": {
        "histopathology": _("histopathology"),
        "lesion_differences": _("differences of the lesions"),
    },
    "reason": dict(ErrorReason.choices),
    "role": dict(Role.choices),
    "through": {"api": "API"},
}
# records that are known by the person whom they are about
OF_PEOPLE = frozenset({"user", "membership", "invitation"})
PLACE = ("body_view", "body_x", "body_y")
PLACE_NAME = _("place on the body")
# between two figures, with spaces at which no line ends
TO = "\u00a0→\u00a0"
FILTERS: dict[str, Promise] = {
    "action": _("what"),
    "actor": _("who"),
    "from": pgettext_lazy("a period", "from"),
    "to": pgettext_lazy("a period", "to"),
    "entered_in_error": _("entered in error"),
    "format": _("format"),
    "hospital": _("hospital"),
    "image": _("image"),
    "label": _("class"),
    "lesion": _("lesion"),
    "object_id": _("record number or identifier"),
    "ordering": _("order"),
    "page_size": _("length of the page"),
    "patient": _("patient"),
    "reviewed": _("review"),
    "risk": _("risk"),
    "search": _("search"),
    "status": _("state"),
}
ORDER = {name: place for place, name in enumerate(FILTERS)}
# the words of the values of filters; diagnosis/apps.py adds those of readings
FILTER_CODES: dict[str, Mapping[Any, Any]] = {
    "action": ACTIONS,
    "reviewed": {True: _("signed"), False: _("not signed")},
}


def record_name(object_type: str) -> str:
    """What a record of an event is called, such as "lesion"."""
    return str(record_names().get(object_type, object_type))


def called(event: AuditEvent, names: Mapping[str, str]) -> str:
    """The name of the event's record, such as "starter 5.1.0"; empty where it has none."""
    return "" if event.object_type in OF_PEOPLE else names.get(event.object_id, "")


def record_names() -> dict[str, Any]:
    return {model._meta.model_name or "": model._meta.verbose_name for model in apps.get_models()}


def details_in_words(
    event: AuditEvent, names: Mapping[str, str] | None = None, *, short: bool = False
) -> str:
    """All details in one line, identifiers whole or by the characters that pages show. ``names``
    stand in place of keys (clinic/services/audit_records.py)."""
    names = names or {}
    details = dict(event.details)
    # said beside the fields
    details.pop("changes", None)
    if event.object_type in OF_PEOPLE and event.object_id in names and "user" not in details:
        details["person"] = event.object_id
    filters = details.pop("filters", {})
    found = (
        filters_in_words(value, filters, names, short=short)
        if name == "by"
        else detail_in_words(event, name, value, names, short=short)
        for name, value in sorted(details.items())
        # an empty list, such as of filters, says nothing
        if value not in (None, [])
    )
    return "; ".join(found)


def detail_in_words(
    event: AuditEvent, name: str, value: Any, names: Mapping[str, str], *, short: bool
) -> str:
    heading = NAMES.get(name, in_words(name))
    if is_key(value) and value in names:
        return f"{heading}: {names[value]}"
    words = value_in_words(event, name, value, short=short)
    return f"{heading} {words}" if is_key(value) else f"{heading}: {words}"


def filters_in_words(
    by: Iterable[str], values: Mapping[str, Any], names: Mapping[str, str], *, short: bool
) -> str:
    """By what a list or a file was filtered, with the values that were kept."""
    ordered = sorted(by, key=lambda name: ORDER.get(name, len(ORDER)))
    words = (filter_in_words(name, values.get(name), names, short=short) for name in ordered)
    return f"{NAMES['by']}: {', '.join(words)}"


def filter_in_words(name: str, value: Any, names: Mapping[str, str], *, short: bool) -> str:
    heading = str(FILTERS.get(name, in_words(name)))
    if value is None:
        return heading
    if is_key(value):
        return f"{heading} {names.get(value, value[:8] if short else value)}"
    return f"{heading} {FILTER_CODES.get(name, {}).get(value, value)}"


def value_in_words(event: AuditEvent, name: str, value: Any, *, short: bool) -> str:
    if isinstance(value, list):
        words = (value_in_words(event, name, entry, short=short) for entry in value)
        return ", ".join(dict.fromkeys(words))
    if name == "fields":
        return field_in_words(event, str(value))
    if name == "diameter_mm":
        return localize(entered(Decimal(value)))
    if is_key(value):
        return value[:8] if short else value
    return str(CODES.get(name, {}).get(value, in_words(str(value))))


def field_in_words(event: AuditEvent, name: str) -> str:
    """What was changed, and of a figure from what to what."""
    words = field_name(event.object_type, name)
    change = event.details.get("changes", {}).get(name)
    return f"{words} {TO.join(map(figure_in_words, change))}" if change else words


def figure_in_words(value: float | None) -> str:
    """A count, or a share from 0 to 1 in percent; a dash for none."""
    if value is None:
        return "–"
    return exact_percent(value) if isinstance(value, float) else localize(value)


def field_name(object_type: str, name: str) -> str:
    """Of a field of a record, what its form calls it: the parts of a place are one."""
    if name in PLACE:
        return str(PLACE_NAME)
    model = next((m for m in apps.get_models() if m._meta.model_name == object_type), None)
    try:
        return str(model._meta.get_field(name).verbose_name) if model else in_words(name)
    except FieldDoesNotExist:
        return in_words(name)


def in_words(code: str) -> str:
    return code.replace("_", " ")


def is_key(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(UUID(value))
    except ValueError:
        return False
