"""Liveness and readiness, for the orchestrator and for people who wonder.

``/healthz/live/`` asks nothing, ``/healthz/web/`` whether this process can serve, and
``/healthz/ready/`` whether the whole of Nevus works. Web processes are taken out of service by the
second: an upload is kept where broker and worker are away, so they are no reason to refuse it.
"""

import logging
import time
from collections.abc import Callable
from functools import partial

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from clinic import pictures
from config import startup
from config.metrics import metrics
from diagnosis.services.workers import readers_alive

logger = logging.getLogger(__name__)

# the storage is asked this often, however often the probe comes
STORAGE_SECONDS = 15.0
NEW_LINE = "\n"
NO_ANSWER = "it does not answer; the log says why"
# what cannot be asked where the database does not answer
IN_DATABASE = ("migrations", "worker")


def live(_request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


def ready(_request: HttpRequest, names: tuple[str, ...] | None = None) -> JsonResponse:
    """200 where every part answers, else 503 with the names of those that do not, and why."""
    reasons: dict[str, str] = {}
    for name in names or tuple(CHECKS):
        # one connection that is waited for in vain is enough for a probe
        known = NO_ANSWER if "database" in reasons and name in IN_DATABASE else None
        if reason := known or ask(name):
            reasons[name] = reason
    if not reasons:
        return JsonResponse({"status": "ok", "missing": []})
    body = {"status": "not ready", "missing": list(reasons), "reasons": reasons}
    response = JsonResponse(body, status=503)
    response["Retry-After"] = "5"
    return response


def ask(name: str) -> str | None:
    """What is wrong with a part, in a few words; None where it answers.

    What a library says may quote addresses and account names: the log has it, the answer does not.
    """
    try:
        reason = CHECKS[name]()
        if reason is not None:
            logger.warning("not ready: %s: %s", name, reason)
        return reason
    except pictures.StorageError as error:
        found = error.reason
    # whatever the client library raises: the part does not answer
    except Exception as error:
        found = f"{type(error).__name__}: {str(error).strip().partition(NEW_LINE)[0]}"
    logger.warning("not ready: %s: %s", name, found)
    return NO_ANSWER


def database() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        return None if cursor.fetchone() == (1,) else "it gave a wrong answer"


class Migrations:
    """Whether the tables are those of this code. Reading the plan costs a tenth of a second, and
    what was applied stays applied: once it is complete it is not read again."""

    def __init__(self) -> None:
        self.complete = False

    def __call__(self) -> str | None:
        if self.complete:
            return None
        try:
            startup.migrations()
        except startup.MissingError as error:
            return str(error)
        self.complete = True
        return None


def broker() -> str | None:
    if not settings.REDIS_URL:
        return None if settings.BROKER_DIR.is_dir() else "the folder of the broker is missing"
    startup.broker()
    return None


class Storage:
    """Write, read and take away a small file. A good answer is believed for a while."""

    def __init__(self) -> None:
        self.believed_until = 0.0

    def __call__(self) -> str | None:
        if time.monotonic() >= self.believed_until:
            pictures.probe()
            self.believed_until = time.monotonic() + STORAGE_SECONDS
        return None


def worker() -> str | None:
    return None if readers_alive() else "no worker that reads images was heard of lately"


CHECKS: dict[str, Callable[[], str | None]] = {
    "database": database,
    "migrations": Migrations(),
    "broker": broker,
    "storage": Storage(),
    "worker": worker,
}
web = partial(ready, names=("database", "migrations"))

PROBES: dict[str, Callable[[HttpRequest], HttpResponse]] = {
    "/healthz/live/": live,
    "/healthz/web/": web,
    "/healthz/ready/": ready,
    "/metrics": metrics,
}

urlpatterns = [
    path("healthz/live/", live, name="live"),
    path("healthz/web/", web, name="web"),
    path("healthz/ready/", ready, name="ready"),
    path("metrics", metrics, name="metrics"),
]
