"""The records that the audit log names: found by what people know of them, and shown by it.

An event names one record by its key. What was done to a patient is what was done to the patient's
row and to every record below it, each of which says where its patient is (``Record.patient_path``).
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Value
from django.utils.translation import gettext as _

from clinic.details import is_key
from clinic.errors import FieldError
from clinic.models import AuditEvent, Hospital, Invitation, Membership, Patient, User
from clinic.models.base import Record

# as many characters of a key as pages show
SHOWN = 8
# the details and filters that the log shows by name, and the kinds of record that they are keys of
NAMED = {
    "user": "user",
    "invited_by": "user",
    "actor": "user",
    "token": "apitoken",
    "model_version": "modelversion",
}
BEGINNING = re.compile(rf"[0-9a-f]{{{SHOWN}}}", re.IGNORECASE)


def find_keys(hospital: Hospital, text: str) -> list[str]:
    """The keys of the records that the text means, for a filter of the hospital's events.

    ``text`` is a medical record number, or a key or the first eight characters of one. For a
    patient come the keys of all of the patient's records. Raises ``unknown_record``.
    """
    patients = Patient.objects.filter(hospital=hospital)
    bounds = bounds_of(text)
    # more than one where a patient was entered in error and the number given to another
    meant = list(patients.numbered(text))
    if not meant and bounds:
        meant = list(patients.filter(pk__range=bounds))
    if meant:
        return keys_of_patients([patient.pk for patient in meant])
    found = keys_between(hospital, *bounds) if bounds else []
    if not found:
        message = _("Nothing at %(hospital)s has this number or identifier.")
        values = {"hospital": hospital.name}
        raise FieldError("unknown_record", message % values, field="object_id")
    return found


def bounds_of(text: str) -> tuple[UUID, UUID] | None:
    """The first and the last key that the text may mean; None where it is no key's beginning."""
    if BEGINNING.fullmatch(text):
        rest = 32 - SHOWN
        return UUID(text + "0" * rest), UUID(text + "f" * rest)
    try:
        key = UUID(text)
    except ValueError:
        return None
    return key, key


def keys_between(hospital: Hospital, first: UUID, last: UUID) -> list[str]:
    """Of records that events of the hospital name: a range of the index by record."""
    events = AuditEvent.objects.filter(hospital=hospital, object_id__range=(str(first), str(last)))
    return list(events.order_by().values_list("object_id", flat=True).distinct())


def keys_of_patients(patients: Collection[UUID]) -> list[str]:
    """The patients' own keys and those of all records below; one query."""
    rows = (
        model._default_manager.filter(**{f"{model.patient_path}__in": patients}).values_list("pk")
        for model in models_of_patients()
    )
    return [str(key) for (key,) in all_of(rows)]


def numbers_of(hospital: Hospital, events: Iterable[AuditEvent]) -> dict[str, str]:
    """The medical record number of the patient of each record that the events name; one query."""
    keys: dict[str, list[str]] = defaultdict(list)
    for event in events:
        keys[event.object_type].append(event.object_id)
    rows = (
        model._default_manager.filter(
            **{
                "pk__in": keys[model._meta.model_name or ""],
                of_patient(model, "hospital"): hospital,
            }
        ).values_list("pk", of_patient(model, "medical_record_number"))
        for model in models_of_patients()
    )
    return {str(key): number for key, number in all_of(rows)}


def names_of(hospital: Hospital, events: Iterable[AuditEvent]) -> dict[str, str]:
    """Of each person, role and invitation that the events name, whose it is, and of other records
    and the hospital what they are called (``Record.called_by``); one query."""
    keys: dict[str, set[str]] = defaultdict(set)
    for event in events:
        keys[event.object_type].add(event.object_id)
        given = event.details | event.details.get("filters", {})
        for name, kind in NAMED.items():
            keys[kind].update(filter(is_key, [given.get(name)]))
    people = User.objects.filter(pk__in=keys["user"])
    roles = Membership.objects.filter(pk__in=keys["membership"], hospital=hospital)
    invitations = Invitation.objects.filter(pk__in=keys["invitation"], hospital=hospital)
    names = ("first_name", "last_name", "username")
    rows = [
        people.values_list("pk", *names),
        roles.values_list("pk", *(f"user__{name}" for name in names)),
        invitations.values_list("pk", "name", Value(""), Value("")),
        *(
            model._default_manager.filter(pk__in=keys[model._meta.model_name or ""]).values_list(
                "pk", *model.called_by, *[Value("")] * (len(names) - len(model.called_by))
            )
            for model in Record.__subclasses__()
            if model.called_by
        ),
    ]
    found = {str(pk): name_in_words(*parts) for pk, *parts in all_of(rows)}
    return {str(hospital.pk): hospital.name} | found


def name_in_words(given: str, family: str, username: str) -> str:
    name = f"{given} {family}".strip()
    return f"{name} ({username})" if name and username else name or username


def models_of_patients() -> list[type[Record]]:
    return [model for model in Record.__subclasses__() if model.patient_path]


def of_patient(model: type[Record], field: str) -> str:
    """The name of a field of the row's patient in a query."""
    return field if model is Patient else f"{model.patient_path}__{field}"


def all_of(parts: Iterable[QuerySet[Any, Any]]) -> QuerySet[Any, Any]:
    """One query for the rows of several; what they are ordered by alone does not matter."""
    first, *others = (part.order_by() for part in parts)
    return first.union(*others, all=True)
