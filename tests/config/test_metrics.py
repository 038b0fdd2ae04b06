"""GET /metrics: what is counted, from which processes, and who may read it."""

import datetime

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from diagnosis.models import DiagnosisRequest, Priority, Status
from diagnosis.services import queue
from diagnosis.services.queue import Answer, Run
from diagnosis.services.workers import beat
from tests.api_client import API, client
from tests.factories import DiagnosisRequestFactory, HospitalFactory, LesionFactory, doctor, spread

pytestmark = pytest.mark.django_db


def scrape() -> dict[tuple[str, frozenset], float]:
    """Sample name and labels to value."""
    response = Client().get("/metrics")
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def value(name: str, **labels: str) -> float:
    return scrape().get((name, frozenset(labels.items())), 0.0)


class Growth:
    """How much a counter grows inside."""

    def __init__(self, name: str, **labels: str) -> None:
        self.name, self.labels = name, labels

    def __enter__(self) -> "Growth":
        self.before = value(self.name, **self.labels)
        return self

    def __exit__(self, *_exception: object) -> None:
        self.by = value(self.name, **self.labels) - self.before


def test_requests_are_counted_by_view_not_by_address() -> None:
    labels = {"method": "GET", "view": "api-patient-detail", "status": "404"}
    api = client(doctor(HospitalFactory()))
    with Growth("nevus_http_requests_total", **labels) as counted:
        for _ in range(3):
            api.get(f"{API}/patients/0b7c7f0e-5b7f-4a0e-9d61-4a0f3c1b2a10/")
    assert counted.by == 3
    text = Client().get("/metrics").content.decode()
    assert "0b7c7f0e" not in text
    assert 'nevus_http_request_seconds_bucket{le="0.1",method="GET",view="api-pat' in text


@pytest.mark.parametrize(
    ("address", "view"), [("/nowhere/Jane-Doe/", "none"), ("/static/nowhere.css", "static")]
)
def test_made_up_addresses_make_no_series(address: str, view: str) -> None:
    labels = {"method": "OTHER", "view": view, "status": "404"}
    with Growth("nevus_http_requests_total", **labels) as counted:
        Client().generic("BREW", address)
    assert counted.by == (1 if view == "none" else counted.by)
    assert "Jane" not in Client().get("/metrics").content.decode()


def test_the_queue_is_measured_by_priority() -> None:
    now = timezone.now()
    for minutes, priority in ((5, Priority.INTERACTIVE), (1, Priority.INTERACTIVE), (60, 1)):
        at = now - datetime.timedelta(minutes=minutes)
        DiagnosisRequestFactory(created_at=at, priority=priority)
    found = scrape()
    assert found["nevus_queue_depth", frozenset({("priority", "interactive")})] == 2
    assert found["nevus_queue_depth", frozenset({("priority", "bulk")})] == 1
    age = found["nevus_queue_oldest_seconds", frozenset({("priority", "interactive")})]
    assert 300 <= age < 330
    assert found["nevus_database_up", frozenset()] == 1


def test_an_empty_queue_is_zero_not_absent() -> None:
    found = scrape()
    for name in ("nevus_queue_depth", "nevus_queue_oldest_seconds"):
        for priority in ("interactive", "bulk"):
            assert found[name, frozenset({("priority", priority)})] == 0


def test_workers_are_counted_by_what_they_can_do() -> None:
    beat(name="a", reads=True)
    beat(name="b", reads=True, problem="no checkpoint")
    beat(name="c", reads=False)
    assert value("nevus_workers_alive", state="reading") == 1
    assert value("nevus_workers_alive", state="without_model") == 1
    assert value("nevus_workers_alive", state="other") == 1


def read(answer, django_capture_on_commit_callbacks) -> DiagnosisRequest:
    request = DiagnosisRequestFactory(model_version__name="counted", model_version__version="9")
    claim = queue.claim_batch(limit=4)
    with django_capture_on_commit_callbacks(execute=True):
        queue.write_answers(claim=claim, answers=[answer(request)], run=Run("cpu", 1, 0.1))
    return request


def test_readings_are_counted_by_outcome_and_model(django_capture_on_commit_callbacks) -> None:
    labels = {"outcome": "succeeded", "reason": "", "model": "counted 9"}
    with (
        Growth("nevus_readings_total", **labels) as readings,
        Growth("nevus_batch_images_count", model="counted 9") as batches,
        Growth("nevus_stage_seconds_count", stage="claim") as claims,
        Growth("nevus_stage_seconds_count", stage="write") as writes,
        Growth("nevus_answer_seconds_count", priority="interactive") as answers,
    ):
        read(
            lambda request: Answer(request.pk, spread("nevus", 0.8), malignancy=0.1),
            django_capture_on_commit_callbacks,
        )
    assert (readings.by, batches.by, claims.by, writes.by, answers.by) == (1, 1, 1, 1, 1)


@pytest.mark.parametrize(("final", "outcome"), [(True, "failed"), (False, "retried")])
def test_failures_are_counted_by_reason(
    final: bool, outcome: str, django_capture_on_commit_callbacks
) -> None:
    labels = {"outcome": outcome, "reason": "image_altered", "model": "counted 9"}
    with Growth("nevus_readings_total", **labels) as counted:
        read(
            lambda request: Answer(request.pk, failure="image_altered", final=final),
            django_capture_on_commit_callbacks,
        )
    assert counted.by == 1


def test_uploads_are_counted_by_outcome(django_capture_on_commit_callbacks) -> None:
    from tests.clinic.test_api_images import upload
    from tests.factories import jpeg_bytes

    lesion = LesionFactory()
    api = client(doctor(lesion.patient.hospital))
    with (
        Growth("nevus_uploads_total", outcome="accepted") as accepted,
        Growth("nevus_uploads_total", outcome="duplicate_image") as twice,
    ):
        with django_capture_on_commit_callbacks(execute=True):
            upload(api, lesion, jpeg_bytes())
        upload(api, lesion, jpeg_bytes())
    assert (accepted.by, twice.by) == (1, 1)


def test_a_scrape_asks_a_few_questions_that_an_index_answers() -> None:
    with CaptureQueriesContext(connection) as captured:
        Client().get("/metrics")
    assert len(captured) <= 6
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for query in captured.captured_queries:
            if '"diagnosis_diagnosisrequest"' in query["sql"]:
                cursor.execute(f"EXPLAIN {query['sql']}")
                plan = "\n".join(row[0] for row in cursor.fetchall())
                # each holds open requests alone; which one is chosen depends on the statistics
                indexes = ("request_queue", "request_leases", "request_open_is_unique")
                assert any(index in plan for index in indexes), plan


def test_without_a_database_it_says_only_that(monkeypatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(connection, "cursor", refuse)
    found = scrape()
    assert found["nevus_database_up", frozenset()] == 0
    assert not [name for name, _labels in found if name.startswith("nevus_queue")]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("127.0.0.1", 200),
        ("10.2.3.4", 200),
        ("fd00::7", 200),
        ("100.64.1.1", 200),
        ("8.8.8.8", 403),
        ("2001:4860:4860::8888", 403),
        ("", 403),
    ],
)
def test_without_a_token_only_the_own_network_reads(address: str, status: int) -> None:
    assert Client().get("/metrics", REMOTE_ADDR=address).status_code == status


def test_nobody_reads_through_a_proxy() -> None:
    response = Client().get("/metrics", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="10.0.0.9")
    assert response.status_code == 403


def test_with_a_token_only_its_holder_reads(settings) -> None:
    settings.NEVUS_METRICS_TOKEN = "a-token-of-this-test"
    asked = Client()
    assert asked.get("/metrics").status_code == 401
    assert asked.get("/metrics", HTTP_AUTHORIZATION="Bearer other").status_code == 401
    right = {"HTTP_AUTHORIZATION": "Bearer a-token-of-this-test"}
    assert asked.get("/metrics", REMOTE_ADDR="8.8.8.8", **right).status_code == 200


def test_running_requests_are_counted() -> None:
    request = DiagnosisRequestFactory()
    before = value("nevus_requests_running")
    queue.claim_batch(limit=1)
    request.refresh_from_db()
    assert request.status == Status.RUNNING
    assert value("nevus_requests_running") == before + 1
