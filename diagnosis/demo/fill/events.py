"""The audit log of one hospital, each event chained to the one before."""

import datetime
import json
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np

from clinic.models import AuditChain, AuditEvent
from clinic.services.audit import event_hash
from diagnosis.demo.fill.people import Site
from diagnosis.demo.fill.records import Written, chunks, dashed, moment
from diagnosis.demo.fill.tables import Row, write_rows

EVENTS_PER_PATIENT = 15
CHUNK = 20_000
VIEWS = ("view_request", "view_patient", "view_worklist", "view_hospital_report")
FREQUENCIES = (0.55, 0.3, 0.14, 0.01)
COLUMNS = [
    *("chain_id", "sequence", "hospital_id", "actor_id", "at", "action", "object_type"),
    *("object_id", "address", "details", "previous_hash", "hash"),
]


def write_events(site: Site, written: Written, noise: np.random.Generator) -> int:
    """What was ordered and signed, and looks at it in between; the number of events."""
    missing = site.patients * EVENTS_PER_PATIENT - len(written.events)
    events = sorted([*written.events, *views(site, written, max(0, missing), noise)])
    chain = AuditChain.objects.select_for_update().get(key=str(site.hospital.pk))
    for first, last in chunks(len(events), CHUNK):
        write_rows(AuditEvent, COLUMNS, chained(chain, site, events[first:last]))
    chain.save()
    return len(events)


def views(
    site: Site, written: Written, count: int, noise: np.random.Generator
) -> Iterator[tuple[int, str, str, str, str, str]]:
    staff = [str(user.pk) for user in (*site.doctors, site.administrator)]
    times = np.sort(noise.choice([event[0] for event in written.events], count)) + 30
    actors = noise.integers(0, len(staff), count)
    kinds = noise.choice(len(VIEWS), count, p=FREQUENCIES)
    places = noise.random(count)
    for at, actor, kind, place in zip(times, actors, kinds, places, strict=True):
        action, name, key = VIEWS[kind], "", ""
        if action == "view_request":
            name, key = "diagnosisrequest", pick(written.requests, place)
        elif action == "view_patient":
            name, key = "patient", pick(written.patients, place)
        yield int(at), staff[actor], action, name, key, "{}"


def pick(keys: list[str], place: float) -> str:
    return dashed(keys[int(place * len(keys))])


def chained(chain: AuditChain, site: Site, events: list) -> Iterator[Row]:
    """The rows of the events, and the chain moved on behind them."""
    hospital = site.hospital.pk
    for at, actor, action, name, key, details in events:
        event = SimpleNamespace(
            chain_id=chain.key,
            sequence=chain.length + 1,
            hospital_id=hospital,
            actor_id=actor,
            at=datetime.datetime.fromtimestamp(at, datetime.UTC),
            action=action,
            object_type=name,
            object_id=key,
            address=f"10.0.{at % 16}.{at % 250 + 1}",
            details=json.loads(details),
            previous_hash=chain.head,
        )
        chain.length, chain.head = event.sequence, event_hash(event)  # type: ignore[arg-type]
        yield (
            *(chain.key, event.sequence, hospital.hex, actor.replace("-", ""), moment(at)),
            *(action, name, key, event.address, details, event.previous_hash, chain.head),
        )
