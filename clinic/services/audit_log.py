"""The audit log as administrators read it: filtered, in pages, and as a file for people. Programs
read it through the API."""

import itertools
from collections.abc import Iterator, Mapping

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _

from clinic.actions import action_words
from clinic.details import called, details_in_words, record_name
from clinic.models import AuditEvent, Hospital, Membership, User
from clinic.models.audit import AuditEventQuerySet
from clinic.services.audit_records import names_of, numbers_of
from clinic.spreadsheets import safe_cell

ORDERING = ("-at", "-id")
CHUNK = 2000
# the columns of the file: what the page shows, then what stays the same in every language
HEADINGS = (
    *(_("When"), _("Who"), _("User name"), _("What"), _("Record"), _("Identifier")),
    *(_("Medical record number"), _("From where"), _("Details")),
    *(_("Hospital"), _("Number in the log")),
    *(_("Time (ISO 8601)"), _("Event code"), _("Record code"), _("Hash")),
)


def actors_at(hospital: Hospital) -> QuerySet[User]:
    """Whoever has a role at the hospital (``works_here``) or did something there, by name."""
    roles = Membership.objects.filter(hospital=hospital, user=OuterRef("pk"))
    # one row of the index by person: of an EXISTS the database may read all of the hospital's
    events = AuditEvent.objects.filter(hospital=hospital, actor=OuterRef("pk"))
    last = Subquery(events.order_by(*ORDERING).values("pk")[:1])
    people = User.objects.alias(last=last).annotate(works_here=Exists(roles))
    found = people.filter(Q(works_here=True) | Q(last__isnull=False))
    return found.only("first_name", "last_name", "username").order_by(
        "last_name", "first_name", "username"
    )


def sheet_rows(hospital: Hospital, events: AuditEventQuerySet) -> Iterator[list[str]]:
    """The header and a line for each of the hospital's events, in the language of now; streamed in
    chunks, each with one more query for the patients of its records and one for the people."""
    # whoever reads the lines may do so after the request, in another language
    return _sheet_rows(hospital, events, get_language())


def _sheet_rows(
    hospital: Hospital, events: AuditEventQuerySet, language: str | None
) -> Iterator[list[str]]:
    with override(language):
        header = [str(heading) for heading in HEADINGS]
    yield header
    rows = events.order_by(*ORDERING).select_related("hospital", "actor")
    found = rows.iterator(chunk_size=CHUNK)
    while chunk := list(itertools.islice(found, CHUNK)):
        numbers, names = numbers_of(hospital, chunk), names_of(hospital, chunk)
        for event in chunk:
            with override(language):
                cells = cells_of(event, numbers, names)
            yield [safe_cell(cell) for cell in cells]


def cells_of(event: AuditEvent, numbers: Mapping[str, str], names: Mapping[str, str]) -> list[str]:
    """In the order of ``HEADINGS``; times as pages show them, in the server's time zone."""
    actor = event.actor
    return [
        timezone.localtime(event.at).strftime("%Y-%m-%d %H:%M:%S"),
        actor.display_name if actor else str(_("the platform")),
        actor.username if actor else "",
        action_words(event.action),
        f"{record_name(event.object_type)} {called(event, names)}".strip(),
        event.object_id,
        numbers.get(event.object_id, ""),
        event.address or "",
        details_in_words(event, names),
        event.hospital.name if event.hospital else "",
        str(event.sequence),
        event.at.isoformat(timespec="seconds"),
        event.action,
        event.object_type,
        event.hash,
    ]
