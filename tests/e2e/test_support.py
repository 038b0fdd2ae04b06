"""The supports of the other tests can fail, and end what they start."""

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.browser import open_page
from tests.support.redis import Redis

PAGES = {
    "/quiet": b"<h1>Quiet</h1>",
    "/foreign": b"<h1>Foreign</h1><img src='http://cdn.invalid/logo.png'>",
    "/broken": b"<h1>Broken</h1><script>undefinedFunction()</script>",
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGES.get(self.path, b""))

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_quiet_page_passes(browser: Browser, site: str) -> None:
    with open_page(browser) as page:
        page.goto(f"{site}/quiet")
        assert page.inner_text("h1") == "Quiet"


@pytest.mark.parametrize(
    ("path", "complaint"), [("/foreign", "asked cdn.invalid"), ("/broken", "undefinedFunction")]
)
def test_page_that_misbehaves_fails(browser: Browser, site: str, path: str, complaint: str) -> None:
    def visit() -> None:
        with open_page(browser) as page:
            page.goto(f"{site}{path}")
            page.wait_for_timeout(200)

    with pytest.raises(AssertionError, match=complaint):
        visit()


def test_redis_returns_empty_on_the_same_port() -> None:
    import redis

    server = Redis()
    try:
        server.start()
        with redis.Redis.from_url(server.url()) as client:
            client.set("bell", "rung")
            server.stop()
            with pytest.raises(redis.ConnectionError):
                client.get("bell")
            server.start()
            assert client.get("bell") is None
    finally:
        server.close()
