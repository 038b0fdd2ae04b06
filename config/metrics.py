"""GET /metrics: what Prometheus reads from a web process."""

import hmac
import ipaddress

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram

from diagnosis.exposition import exposition

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
REQUESTS = Counter(
    "nevus_http_requests", "Requests answered by a view.", ["method", "view", "status"]
)
SECONDS = Histogram(
    "nevus_http_request_seconds",
    "Seconds until a view has answered.",
    ["method", "view"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


def method_of(request: HttpRequest) -> str:
    return request.method if request.method in METHODS else "OTHER"


def observe_request(method: str, view: str, status: int, seconds: float) -> None:
    REQUESTS.labels(method, view, str(status)).inc()
    SECONDS.labels(method, view).observe(seconds)


def metrics(request: HttpRequest) -> HttpResponse:
    """Figures of the platform, for whoever has the token or asks from the own network."""
    refusal = refuse(request)
    if refusal is not None:
        return refusal
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)


def refuse(request: HttpRequest) -> HttpResponse | None:
    if settings.NEVUS_METRICS_TOKEN:
        return None if has_token(request) else unauthorized()
    return None if is_near(request) else forbidden()


def has_token(request: HttpRequest) -> bool:
    expected = f"Bearer {settings.NEVUS_METRICS_TOKEN}"
    given = request.headers.get("Authorization", "")
    return hmac.compare_digest(given.encode(), expected.encode())


def is_near(request: HttpRequest) -> bool:
    """Asked from a private address, and by nobody for somebody else: a proxy says for whom."""
    if "X-Forwarded-For" in request.headers:
        return False
    try:
        return not ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_global
    except ValueError:
        return False


def unauthorized() -> HttpResponse:
    text = "Send the token of NEVUS_METRICS_TOKEN as Authorization: Bearer.\n"
    response = HttpResponse(text, content_type="text/plain", status=401)
    response["WWW-Authenticate"] = 'Bearer realm="metrics"'
    return response


def forbidden() -> HttpResponse:
    text = "Metrics are read from the own network, past the proxy, or with NEVUS_METRICS_TOKEN.\n"
    return HttpResponse(text, content_type="text/plain", status=403)
