"""The audit log: written explicitly by services and by the views that show a record."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import models, transaction
from django.utils import timezone

from clinic import origin
from clinic.models import AuditChain, AuditEvent, Hospital, User

PLATFORM = "platform"
# the filters whose value an event of a file keeps: codes, days and keys, never what somebody typed
KEPT_FILTERS = ("action", "actor", "from", "hospital", "label", "reviewed", "risk", "to")


def event_hash(event: AuditEvent) -> str:
    """SHA-256 over the hash of the event before and every column of this one."""
    content = {
        "chain": event.chain_id,
        "sequence": event.sequence,
        "hospital": str(event.hospital_id),
        "actor": str(event.actor_id),
        "at": event.at.isoformat(),
        "action": event.action,
        "object_type": event.object_type,
        "object_id": event.object_id,
        "address": event.address,
        "details": event.details,
        "previous_hash": event.previous_hash,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def record_event(
    *,
    actor: User | None,
    action: str,
    hospital: Hospital | UUID | None,
    obj: models.Model | None = None,
    details: dict[str, Any] | None = None,
) -> AuditEvent:
    """Append one event to the hospital's chain, in the caller's transaction.

    ``details`` holds keys, codes, days and counts, never a name or free text; to them comes the API
    token of the request. The head of the chain is locked until the transaction ends, so call this
    last.
    """
    hospital_id = hospital.pk if isinstance(hospital, Hospital) else hospital
    key = str(hospital_id or PLATFORM)
    chain = lock_chain(key)
    event = AuditEvent(
        chain=chain,
        sequence=chain.length + 1,
        hospital_id=hospital_id,
        actor=actor,
        at=timezone.now(),
        action=action,
        object_type=obj._meta.model_name or "" if obj is not None else "",
        object_id=str(obj.pk) if obj is not None else "",
        address=origin.address.get(),
        details=(details or {}) | way_of_request(),
        previous_hash=chain.head,
    )
    event.hash = event_hash(event)
    event.save(force_insert=True)
    chain.length, chain.head = event.sequence, event.hash
    chain.save(update_fields=["length", "head"])
    return event


def way_of_request() -> dict[str, str]:
    """Through the API and by which token, where one let the request in."""
    token = origin.token.get()
    return {"through": "api", "token": token} if token else {}


def file_details(kind: str, filters: Mapping[str, Any]) -> dict[str, Any]:
    """Of a file that is handed out: its format, by what its rows were filtered, and the values of
    those filters that may be kept."""
    given = {name: value for name, value in filters.items() if value not in (None, "")}
    kept = {name: plain(given[name]) for name in KEPT_FILTERS if name in given}
    return {"format": kind, "by": sorted(given), "filters": kept}


def plain(value: Any) -> str | bool:
    if isinstance(value, bool):
        return value
    return str(value.pk if isinstance(value, models.Model) else value)


def lock_chain(key: str) -> AuditChain:
    """The head of the chain, which nobody else moves until the transaction ends."""
    heads = AuditChain.objects.select_for_update()
    chain = heads.filter(key=key).first()
    if chain is None:
        # of two that write the first event, one makes the head and the other waits for it
        AuditChain.objects.get_or_create(key=key)
        chain = heads.get(key=key)
    return chain


@dataclass(frozen=True)
class BrokenChain:
    """Where a chain no longer fits: the first event that is altered, missing or out of order."""

    chain: str
    sequence: int


def verify_chains() -> Iterator[BrokenChain]:
    """Walk every chain; yields the first break of each, nothing where all is well."""
    for chain in AuditChain.objects.order_by("key"):
        broken = first_break(chain)
        if broken is not None:
            yield BrokenChain(chain.key, broken)


def first_break(chain: AuditChain) -> int | None:
    previous, expected = "", 1
    for event in chain.events.order_by("sequence").iterator(chunk_size=2000):
        intact = event.sequence == expected and event.previous_hash == previous
        if not intact or event.hash != event_hash(event):
            return expected
        previous, expected = event.hash, expected + 1
    return None if (chain.length, chain.head) == (expected - 1, previous) else expected
