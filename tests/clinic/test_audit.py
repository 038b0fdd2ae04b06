"""The audit log: complete, chained, and honest about every alteration."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.http import HttpResponse
from django.utils import timezone

from clinic import origin
from clinic.middleware import AuditOriginMiddleware, client_address
from clinic.models import AuditChain, AuditEvent
from clinic.services.audit import BrokenChain, record_event, verify_chains
from tests.factories import HospitalFactory, PatientFactory, UserFactory
from tests.threads import needs_postgresql, together

pytestmark = pytest.mark.django_db


def write(count: int = 1, **facts: Any) -> list[AuditEvent]:
    return [
        record_event(**{"actor": None, "action": "create_user", "hospital": None} | facts)
        for _ in range(count)
    ]


@contextmanager
def without_triggers() -> Iterator[None]:
    """What somebody with the database's password can do."""
    # PostgreSQL alters no table while checks of its foreign keys are put off
    connection.check_constraints()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ALTER TABLE clinic_auditevent DISABLE TRIGGER USER")
        else:
            cursor.execute("DROP TRIGGER audit_events_are_never_updated")
            cursor.execute("DROP TRIGGER audit_events_are_never_deleted")
    yield


def test_every_fact_is_kept() -> None:
    patient = PatientFactory()
    actor = UserFactory()
    token = origin.address.set("192.0.2.7")
    try:
        written = record_event(
            actor=actor,
            action="view_patient",
            hospital=patient.hospital,
            obj=patient,
            details={"fields": ["sex"], "count": 3},
        )
    finally:
        origin.address.reset(token)
    event = AuditEvent.objects.get()
    assert event == written
    assert (event.actor, event.action, event.hospital) == (actor, "view_patient", patient.hospital)
    assert (event.object_type, event.object_id) == ("patient", str(patient.pk))
    assert (event.address, event.details) == ("192.0.2.7", {"fields": ["sex"], "count": 3})
    assert timezone.now() - event.at < datetime.timedelta(minutes=1)


def test_every_hospital_has_a_chain_and_so_has_the_platform() -> None:
    first, second = HospitalFactory(), HospitalFactory()
    for _ in range(2):
        for hospital in (first, second.pk, None):
            write(hospital=hospital)
    rows = AuditEvent.objects.order_by("id").values_list("chain", "sequence")
    keys = [str(first.pk), str(second.pk), "platform"]
    assert list(rows) == [(key, place) for place in (1, 2) for key in keys]
    for chain in AuditChain.objects.all():
        early, late = chain.events.order_by("sequence")
        assert (early.previous_hash, late.previous_hash) == ("", early.hash)
        assert (chain.length, chain.head) == (2, late.hash)
    assert list(verify_chains()) == []


def test_an_empty_log_is_whole() -> None:
    assert list(verify_chains()) == []


@pytest.mark.parametrize(
    "address", ["192.0.2.7", "2001:db8::1", "2001:DB8:0:0:0:0:0:1", "::ffff:192.0.2.7", "::1"]
)
def test_the_chain_holds_whatever_the_address(address: str, rf) -> None:
    """A database may write an address differently than the network does."""

    def answer(_request: object) -> HttpResponse:
        write(2)
        return HttpResponse()

    AuditOriginMiddleware(answer)(rf.get("/", REMOTE_ADDR=address))
    assert AuditEvent.objects.filter(address__isnull=False).count() == 2
    assert list(verify_chains()) == []


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "", "198.51.100.1"),
        # nobody is trusted: whoever says so may lie
        (0, "203.0.113.9", "198.51.100.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "192.0.2.66, 203.0.113.9", "203.0.113.9"),
        (2, "192.0.2.66, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        (2, "10.0.0.2", "198.51.100.1"),
        (1, "", "198.51.100.1"),
        (1, " , ", "198.51.100.1"),
        # some proxies add the port
        (1, "203.0.113.9:50123", "203.0.113.9"),
        (1, "[2001:db8::1]:50123", "2001:db8::1"),
        (1, "2001:DB8::0001", "2001:db8::1"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "fe80::1%eth0", "fe80::1"),
        (1, "unknown", None),
        (1, "'; DROP TABLE", None),
    ],
)
def test_the_client_s_address(settings, rf, proxies: int, forwarded: str, expected: str) -> None:
    settings.TRUSTED_PROXIES = proxies
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    request = rf.get("/", REMOTE_ADDR="198.51.100.1", **headers)
    assert client_address(request) == expected


def test_the_address_is_forgotten_after_the_request(rf) -> None:
    seen = []

    def answer(_request: object) -> HttpResponse:
        seen.append(origin.address.get())
        raise RuntimeError("the view failed")

    with pytest.raises(RuntimeError):
        AuditOriginMiddleware(answer)(rf.get("/", REMOTE_ADDR="192.0.2.7"))
    assert (seen, origin.address.get()) == (["192.0.2.7"], None)
    assert client_address(rf.get("/", REMOTE_ADDR="")) is None


def test_the_token_is_forgotten_after_the_request(rf) -> None:
    def answer(_request: object) -> HttpResponse:
        origin.token.set("5f0e9c1e-0000-4000-8000-000000000000")
        write()
        return HttpResponse()

    AuditOriginMiddleware(answer)(rf.get("/"))
    write()
    through, plain = AuditEvent.objects.order_by("id")
    assert through.details == {"through": "api", "token": "5f0e9c1e-0000-4000-8000-000000000000"}
    assert (plain.details, list(verify_chains())) == ({}, [])


def other(event: AuditEvent, field: str) -> Any:
    """Another value than the event has."""
    return {
        "at": event.at + datetime.timedelta(microseconds=1),
        "hospital_id": HospitalFactory().pk,
        "actor_id": UserFactory().pk,
        "address": "192.0.2.99",
        "details": {"fields": ["sex "]},
        "sequence": 99,
        "chain_id": AuditChain.objects.create(key="other").key,
        "object_id": event.object_id[:-1] + "x",
    }.get(field, f"{getattr(event, field)}x"[-64:])


COLUMNS = [field.attname for field in AuditEvent._meta.concrete_fields if field.attname != "id"]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("column", COLUMNS)
def test_altering_any_column_of_any_row_is_found(column: str, place: int) -> None:
    hospital = HospitalFactory()
    events = write(3, hospital=hospital, obj=hospital, details={"fields": ["sex"]})
    value = other(events[place], column)
    with without_triggers():
        changed = AuditEvent.objects.filter(pk=events[place].pk).update(**{column: value})
    assert changed == 1
    # a row that went to another chain leaves a gap in its own and stands alone in the other
    assert BrokenChain(str(hospital.pk), place + 1) in list(verify_chains())


@pytest.mark.parametrize(("place", "first"), [(0, 1), (1, 2), (2, 3)])
def test_a_missing_row_is_found(place: int, first: int) -> None:
    events = write(3)
    with without_triggers():
        AuditEvent.objects.filter(pk=events[place].pk).delete()
    assert list(verify_chains()) == [BrokenChain("platform", first)]


def test_all_rows_missing_are_found() -> None:
    write(3)
    with without_triggers():
        AuditEvent.objects.all().delete()
    assert list(verify_chains()) == [BrokenChain("platform", 1)]


def test_swapped_rows_are_found() -> None:
    first, second, _third = write(3)
    with without_triggers():
        AuditEvent.objects.filter(pk=first.pk).update(sequence=50)
        AuditEvent.objects.filter(pk=second.pk).update(sequence=1)
        AuditEvent.objects.filter(pk=first.pk).update(sequence=2)
    assert list(verify_chains()) == [BrokenChain("platform", 1)]


def test_an_inserted_row_is_found() -> None:
    write(2)
    chain = AuditChain.objects.get()
    last = chain.events.latest("sequence")
    AuditEvent.objects.create(
        chain=chain, sequence=3, at=last.at, action="x", previous_hash=last.hash, hash="0" * 64
    )
    assert list(verify_chains()) == [BrokenChain("platform", 3)]


def test_the_break_of_one_chain_says_nothing_about_another() -> None:
    hospital = HospitalFactory()
    write(2)
    wrong, _right = write(2, hospital=hospital)
    with without_triggers():
        AuditEvent.objects.filter(pk=wrong.pk).update(action="other")
    assert list(verify_chains()) == [BrokenChain(str(hospital.pk), 1)]


def test_the_command_names_the_break() -> None:
    write(2)
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert "2 audit events" in out.getvalue()
    with without_triggers():
        AuditEvent.objects.filter(sequence=2).update(action="other")
    with pytest.raises(CommandError, match="chain platform, event 2"):
        call_command("verify_audit")


def test_what_is_rolled_back_leaves_no_gap() -> None:
    write()
    with transaction.atomic():
        write()
        transaction.set_rollback(True)
    write()
    assert list(AuditEvent.objects.order_by("id").values_list("sequence", flat=True)) == [1, 2]
    assert list(verify_chains()) == []


@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_keep_the_chain_whole() -> None:
    needs_postgresql()
    hospital = HospitalFactory()
    outcomes = together(*[lambda: write(10, hospital=hospital)] * 6)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    sequences = AuditEvent.objects.order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == list(range(1, 61))
    assert list(verify_chains()) == []
