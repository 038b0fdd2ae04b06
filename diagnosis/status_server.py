"""The worker's own small web server: /metrics and its probes, on NEVUS_METRICS_PORT.

Celery has none, and starting Python to ask costs more than the answer. It listens inside the
cluster only, shows no clinical data, and asks for NEVUS_METRICS_TOKEN where that is set.
"""

import hmac
import json
import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django.conf import settings
from django.db import connection
from prometheus_client import CONTENT_TYPE_LATEST

from diagnosis import pulse
from diagnosis.exposition import exposition

logger = logging.getLogger(__name__)

PROBES: dict[str, Callable[[], str]] = {
    "/healthz/live/": pulse.why_not_live,
    "/healthz/started/": pulse.why_not_started,
    "/healthz/ready/": pulse.why_not_ready,
}


class Handler(BaseHTTPRequestHandler):
    # a client that says nothing holds its thread no longer than this
    timeout = 10
    server_version = "nevus"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path in PROBES:
            self.send_probe(PROBES[path]())
        elif path == "/metrics":
            self.send_metrics()
        else:
            self.send(404, b"There is /metrics, and /healthz/live/, /started/ and /ready/.\n")

    def send_probe(self, reason: str) -> None:
        body = {"status": "not ready", "reason": reason} if reason else {"status": "ok"}
        self.send(503 if reason else 200, json.dumps(body).encode(), "application/json")

    def send_metrics(self) -> None:
        if not self.is_allowed():
            self.send(401, b"Send the token of NEVUS_METRICS_TOKEN as Authorization: Bearer.\n")
            return
        try:
            body = exposition()
        finally:
            # each request has a thread and so a connection of its own
            connection.close()
        self.send(200, body, CONTENT_TYPE_LATEST)

    def is_allowed(self) -> bool:
        expected = f"Bearer {settings.NEVUS_METRICS_TOKEN}"
        given = self.headers.get("Authorization", "")
        return not settings.NEVUS_METRICS_TOKEN or hmac.compare_digest(
            given.encode(), expected.encode()
        )

    def send(self, status: int, body: bytes, media_type: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        logger.debug(format, *arguments)


def serve(port: int) -> ThreadingHTTPServer:
    """Answer on this port until the process ends. Raises OSError where the port is taken."""
    # pods are asked from other machines; what may reach them is said by the network policies
    server = ThreadingHTTPServer(("0.0.0.0", port), Handler)  # noqa: S104
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="status", daemon=True).start()
    return server
