"""Liveness and readiness, for the orchestrator and for people who wonder."""

import logging
from collections.abc import Callable

from celery import current_app
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import path

from diagnosis.services.workers import readers_alive

logger = logging.getLogger(__name__)


def live(_request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


def ready(_request: HttpRequest) -> JsonResponse:
    """200 where database, broker, storage and a worker answer, else 503 with the names."""
    missing = [name for name, check in CHECKS.items() if not answers(name, check)]
    if not missing:
        return JsonResponse({"status": "ok", "missing": []})
    response = JsonResponse({"status": "not ready", "missing": missing}, status=503)
    response["Retry-After"] = "5"
    return response


def answers(name: str, check: Callable[[], bool]) -> bool:
    try:
        return check()
    # whatever the client library raises: the part does not answer
    except Exception as error:
        logger.warning("%s does not answer: %s", name, type(error).__name__)
        return False


def database() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone() == (1,)


def broker() -> bool:
    if not settings.REDIS_URL:
        return settings.BROKER_DIR.is_dir()
    with current_app.connection_for_write() as broker_connection:
        broker_connection.ensure_connection(max_retries=1, timeout=2)
        return True


def storage() -> bool:
    """Write, read and take away a small file."""
    name = default_storage.save("health/probe", ContentFile(b"ok"))
    try:
        with default_storage.open(name) as file:
            return file.read() == b"ok"
    finally:
        default_storage.delete(name)


CHECKS: dict[str, Callable[[], bool]] = {
    "database": database,
    "broker": broker,
    "storage": storage,
    "worker": readers_alive,
}

urlpatterns = [
    path("healthz/live/", live, name="live"),
    path("healthz/ready/", ready, name="ready"),
]
