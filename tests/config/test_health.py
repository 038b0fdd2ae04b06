"""Liveness and readiness."""

from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from config import health
from diagnosis.models import Worker
from diagnosis.services.workers import beat

pytestmark = pytest.mark.django_db


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
    assert response.json() == {"status": "not ready", "missing": ["worker"]}
    assert response["Retry-After"] == "5"


def test_without_a_storage_it_says_so(client: Client, media: Path) -> None:
    media.write_text("in the way of the folder")
    beat(name="gpu", reads=True)
    response = client.get("/healthz/ready/")
    assert (response.status_code, response.json()["missing"]) == (503, ["storage"])


@pytest.mark.parametrize("name", health.CHECKS)
def test_whatever_is_raised_the_part_is_named(client: Client, monkeypatch, name: str) -> None:
    def fail() -> bool:
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
    assert {"database", "worker"} <= set(response.json()["missing"])
    assert not Worker.objects.exists()
