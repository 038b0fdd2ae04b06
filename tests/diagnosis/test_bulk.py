"""Many rows saved in one statement, each with values of its own."""

import datetime
import uuid

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from diagnosis.bulk import update_rows
from diagnosis.models import DiagnosisRequest, Status
from tests.factories import DiagnosisRequestFactory

pytestmark = pytest.mark.django_db

NAMES = ["status", "lease", "lease_expires_at", "started_at", "finished_at", "attempts"]
NAMES += ["failure_code"]


def test_each_row_gets_its_own_values_and_no_other_is_touched() -> None:
    rows = [DiagnosisRequestFactory() for _ in range(3)]
    bystander = DiagnosisRequestFactory()
    now = timezone.now()
    for number, row in enumerate(rows[:2]):
        row.status, row.attempts = Status.RUNNING, number + 1
        row.lease, row.lease_expires_at = uuid.uuid4(), now + datetime.timedelta(seconds=number)
        row.started_at = now
        row.priority = 9  # is not among the names
    rows[2].status, rows[2].started_at, rows[2].finished_at = Status.FAILED, now, now
    rows[2].failure_code = 'it\'s 100% "odd"'
    with CaptureQueriesContext(
        connection,
    ) as queries:
        update_rows(rows, NAMES)
    assert len(queries) == 1
    for row in rows:
        kept = DiagnosisRequest.objects.get(pk=row.pk)
        assert [getattr(kept, name) for name in NAMES] == [getattr(row, name) for name in NAMES]
        assert kept.priority != 9
    assert DiagnosisRequest.objects.get(pk=bystander.pk).status == Status.QUEUED


def test_what_the_database_refuses_is_refused_whole() -> None:
    rows = [DiagnosisRequestFactory() for _ in range(2)]
    rows[0].attempts = 2
    rows[1].status = "no state"
    with pytest.raises(IntegrityError), transaction.atomic():
        update_rows(rows, ["status", "attempts"])
    assert not DiagnosisRequest.objects.filter(attempts=2).exists()


def test_nothing_to_save_asks_nothing() -> None:
    with CaptureQueriesContext(connection) as queries:
        update_rows([], NAMES)
    assert len(queries) == 0
