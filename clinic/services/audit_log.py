"""The audit log as administrators read it: filtered, in pages, and as a file."""

from collections.abc import Iterator

from clinic.actions import action_words
from clinic.details import details_in_words
from clinic.models.audit import AuditEventQuerySet
from clinic.spreadsheets import safe_cell

ORDERING = ("-at", "-id")
CHUNK = 2000
CSV_COLUMNS = (
    *("time", "hospital", "sequence", "username", "name", "action", "code", "object", "object_id"),
    *("address", "details", "hash"),
)


def csv_rows(events: AuditEventQuerySet) -> Iterator[list[str]]:
    """The header and a line an event; one query, streamed in chunks."""
    yield list(CSV_COLUMNS)
    rows = events.order_by(*ORDERING).select_related("hospital", "actor")
    for event in rows.iterator(chunk_size=CHUNK):
        actor = event.actor
        cells = [
            event.at.isoformat(timespec="seconds"),
            event.hospital.name if event.hospital else "",
            str(event.sequence),
            actor.username if actor else "",
            actor.display_name if actor else "",
            action_words(event.action),
            event.action,
            event.object_type,
            event.object_id,
            event.address or "",
            details_in_words(event),
            event.hash,
        ]
        yield [safe_cell(cell) for cell in cells]
