"""Liveness and readiness."""

from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from config import health
from diagnosis.models import Worker
from diagnosis.services.workers import beat

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_is_believed(monkeypatch) -> None:
    """What one test found out of storage and tables is not taken over by the next."""
    monkeypatch.setitem(health.CHECKS, "storage", health.Storage())
    monkeypatch.setitem(health.CHECKS, "migrations", health.Migrations())


def test_alive_asks_nothing(client: Client, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz/live/")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_ready_where_everything_answers(client: Client, media: Path) -> None:
    beat(name="gpu", reads=True)
    response = client.get("/healthz/ready/")
    assert response.json() == {"status": "ok", "missing": []}
    assert response.status_code == 200
    # the probe of the storage is taken away again
    assert [path for path in media.rglob("*") if path.is_file()] == []


def test_without_a_worker_it_says_so(client: Client) -> None:
    beat(name="web", reads=False)
    response = client.get("/healthz/ready/")
    assert response.status_code == 503
    assert response.json() == {
        "status": "not ready",
        "missing": ["worker"],
        "reasons": {"worker": "no worker that reads images was heard of lately"},
    }
    assert response["Retry-After"] == "5"


def test_without_a_storage_it_says_so(client: Client, media: Path) -> None:
    media.write_text("in the way of the folder")
    beat(name="gpu", reads=True)
    response = client.get("/healthz/ready/")
    assert (response.status_code, response.json()["missing"]) == (503, ["storage"])


@pytest.mark.parametrize("name", health.CHECKS)
def test_whatever_is_raised_the_part_is_named(client: Client, monkeypatch, name: str) -> None:
    def fail() -> None:
        raise RuntimeError("gone")

    monkeypatch.setitem(health.CHECKS, name, fail)
    response = client.get("/healthz/ready/")
    assert response.status_code == 503
    assert name in response.json()["missing"]
    assert "gone" not in response.content.decode()


def test_without_a_broker_it_says_so(client: Client, settings, tmp_path: Path) -> None:
    beat(name="gpu", reads=True)
    settings.REDIS_URL = ""
    settings.BROKER_DIR = tmp_path / "nowhere"
    assert client.get("/healthz/ready/").json()["missing"] == ["broker"]
    settings.BROKER_DIR.mkdir()
    assert client.get("/healthz/ready/").status_code == 200


def test_without_a_database_it_says_so(client: Client, monkeypatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise connection.Database.OperationalError("gone")

    monkeypatch.setattr(connection, "cursor", refuse)
    response = client.get("/healthz/ready/")
    monkeypatch.undo()
    assert response.status_code == 503
    assert response.json()["missing"] == ["database", "migrations", "worker"]
    assert not Worker.objects.exists()


def test_without_the_tables_of_this_code_it_says_which(client: Client) -> None:
    beat(name="gpu", reads=True)
    # the row of a migration says that it was applied: without it, it was not
    last = MigrationRecorder.Migration.objects.filter(app="clinic").latest("pk")
    last.delete()
    for address in ("/healthz/ready/", "/healthz/web/"):
        answer = client.get(address)
        assert (answer.status_code, answer.json()["missing"]) == (503, ["migrations"])
        assert f"first of them clinic.{last.name}:" in answer.json()["reasons"]["migrations"]


def test_applied_tables_are_not_read_again(client: Client, django_assert_num_queries) -> None:
    assert client.get("/healthz/web/").status_code == 200
    with django_assert_num_queries(1):
        assert client.get("/healthz/web/").status_code == 200


def test_web_serves_without_broker_worker_and_storage(client: Client, settings, media) -> None:
    settings.REDIS_URL = ""
    settings.BROKER_DIR = media / "nowhere"
    media.write_text("in the way of the folder")
    assert client.get("/healthz/web/").json() == {"status": "ok", "missing": []}
    missing = client.get("/healthz/ready/").json()["missing"]
    assert missing == ["broker", "storage", "worker"]


def test_the_storage_is_not_asked_by_every_probe(client: Client, media: Path) -> None:
    beat(name="gpu", reads=True)
    assert client.get("/healthz/ready/").status_code == 200
    media.rename(media.with_name("moved"))
    media.write_text("in the way of the folder")
    assert client.get("/healthz/ready/").status_code == 200
    health.CHECKS["storage"].believed_until = 0.0
    assert client.get("/healthz/ready/").json()["missing"] == ["storage"]


@pytest.mark.parametrize("address", ["/healthz/live/", "/healthz/web/", "/metrics"])
def test_probes_call_a_pod_by_its_number(client: Client, settings, address: str) -> None:
    settings.ALLOWED_HOSTS = ["nevus.example"]
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(address, HTTP_HOST="10.1.2.3:8000").status_code == 200
    assert client.get("/", HTTP_HOST="10.1.2.3:8000").status_code == 400
