"""What happens around every request before an application sees it."""

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from clinic import origin
from config import metrics
from config.health import PROBES

Handler = Callable[[HttpRequest], HttpResponse]

REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")

access = logging.getLogger("config.access")


class RequestIdMiddleware:
    """Names the request: by its X-Request-ID where that is well-formed, else by a new one."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        identifier = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        with origin.following(identifier):
            response = self.get_response(request)
        response["X-Request-ID"] = identifier
        return response


class ProbesMiddleware:
    """Answers orchestrator and Prometheus, which call a pod by its number: it comes before what
    checks the host name and sends to HTTPS."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        probe = PROBES.get(request.path_info)
        if probe is None or request.method not in ("GET", "HEAD"):
            return self.get_response(request)
        response = probe(request)
        response["Cache-Control"] = "no-store"
        response["X-Content-Type-Options"] = "nosniff"
        return response


class MetricsMiddleware:
    """Counts and times requests, and writes one line of each: the view's name and the record's
    key, not the address, which may hold what somebody searched for."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        seconds = time.perf_counter() - started
        method, view = metrics.method_of(request), view_of(request)
        metrics.observe_request(method, view, response.status_code, seconds)
        facts = {"method": method, "view": view, "status": response.status_code}
        facts |= {"key": key_of(request), "seconds": round(seconds, 4)}
        access.info("%s %s %d", method, view, response.status_code, extra=facts)
        return response


def view_of(request: HttpRequest) -> str:
    """The name of the view: a few dozen values, whatever addresses are asked for."""
    if request.resolver_match is not None:
        return request.resolver_match.view_name or "unnamed"
    return "static" if request.path_info.startswith(settings.STATIC_URL) else "none"


def key_of(request: HttpRequest) -> str:
    match = request.resolver_match
    return str(match.kwargs.get("pk", "")) if match is not None else ""
