"""The way of one image through nginx and TLS, as in production: real nginx, gunicorn, worker."""

import http.client
import json
import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from playwright.sync_api import Browser, Page, expect

from clinic.models import AuditEvent, User
from tests.e2e.clinic import PASSWORD, make_clinic, wait_until
from tests.e2e.test_browser import order_reading, sign_in
from tests.support.browser import open_page
from tests.support.nginx import Nginx, check, running_nginx, status, trusting
from tests.support.pictures import photographs
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(300)

MEBIBYTE = 1024**2
LIMIT = 2 * MEBIBYTE
ACCEL = "/media-internal/"
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "k3y-of-" + "abcdefghijklmnopqrstuvwxyz0123456789" * 2,
    "ALLOWED_HOSTS": "127.0.0.1",
    "NEVUS_TRUSTED_PROXIES": "1",
    "NEVUS_ACCEL_PREFIX": ACCEL,
    "NEVUS_MAX_UPLOAD_BYTES": str(LIMIT),
    "NEVUS_SWEEP_SECONDS": "1",
}


class Client:
    """HTTPS without a browser: what a program, or somebody curious, sends."""

    def __init__(self, nginx: Nginx) -> None:
        self.address = urlsplit(nginx.url)
        self.context = trusting(Path(nginx.access_log).with_name("certificate.pem"))

    def ask(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        link = http.client.HTTPSConnection(
            self.address.hostname or "", self.address.port, context=self.context, timeout=30
        )
        link.request(method, path, body or None, headers or {})
        answer = link.getresponse()
        content = answer.read()
        link.close()
        return answer, content


@pytest.fixture(scope="module")
def token(stack: Stack) -> str:
    token = make_clinic(stack)
    with stack.orm():
        # the tests' quick hash means nothing to production
        hasher = Argon2PasswordHasher()
        User.objects.update(password=hasher.encode(PASSWORD, hasher.salt()))
    return token


@pytest.fixture(scope="module")
def nginx(stack: Stack, token: str) -> Iterator[Nginx]:
    static = stack.folder / "static"
    collect = ("collectstatic", "--noinput", "--verbosity", "0", "--ignore", "drf_*")
    stack.manage(*collect, STATIC_ROOT=str(static), **PRODUCTION)
    web = stack.start_web(STATIC_ROOT=str(static), **PRODUCTION)
    worker = stack.start_worker(beat=True, **PRODUCTION)
    folder = stack.folder / "nginx"
    folder.mkdir()
    with running_nginx(
        folder,
        web=web.url.removeprefix("http://"),
        NGINX_STATIC=str(static),
        NGINX_MEDIA=str(stack.folder / "media"),
        NGINX_SIGN_IN_BURST="50",
        NEVUS_MAX_UPLOAD_BYTES=str(LIMIT),
    ) as running:
        yield running
    worker.stop()


@pytest.fixture(scope="module")
def client(nginx: Nginx) -> Client:
    return Client(nginx)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with open_page(browser, ignore_https_errors=True) as opened:
        yield opened


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_login_upload_answer_and_picture_through_tls_and_http2(
    nginx: Nginx, page: Page, tmp_path: Path
) -> None:
    photograph = tmp_path / "lesion.jpg"
    photograph.write_bytes(photographs(1)[0])
    sign_in(page, nginx.url)
    protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
    assert page.evaluate(protocol) == "h2"
    order_reading(page, "TLS-1", photograph)
    page.wait_for_url("**/diagnoses/*-*/")
    expect(page.locator("#answer[data-status=succeeded]")).to_be_visible(timeout=60_000)
    address = page.locator("img[src*='/images/']").first.get_attribute("src")
    assert address is not None
    with page.expect_response(lambda answer: answer.url.endswith(address)) as shown:
        page.reload()
    assert shown.value.status in (200, 304)
    cookie = {part["name"]: part for part in page.context.cookies()}["sessionid"]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")


def test_a_picture_comes_from_nginx_with_the_headers_of_the_application(
    nginx: Nginx, client: Client, token: str
) -> None:
    api = LocalApi(client, token)
    image = api.new_image("TLS-2", photographs(2)[1])
    path = urlsplit(image["file"]).path
    answer, content = client.ask("GET", path, headers=bearer(token))
    assert answer.status == 200
    assert len(content) == image["byte_size"]
    assert content.startswith(b"\xff\xd8\xff")
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["ETag"] == f'"{image["sha256"]}"'
    assert answer.headers["Cache-Control"] == "private, no-cache"
    # sent by nginx itself: only its file handler offers ranges
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Accel-Redirect"] is None
    again, nothing = client.ask(
        "GET", path, headers=bearer(token) | {"If-None-Match": answer.headers["ETag"]}
    )
    assert (again.status, nothing) == (304, b"")


class LocalApi:
    """The API through nginx."""

    def __init__(self, client: Client, token: str) -> None:
        self.client = client
        self.token = token

    def post(self, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        headers = bearer(self.token) | {"Content-Type": "application/json"}
        answer, content = self.client.ask(
            "POST", f"/api/v1{path}", json.dumps(fields).encode(), headers
        )
        assert answer.status == 201, content
        return json.loads(content)

    def new_image(self, number: str, picture: bytes) -> dict[str, Any]:
        patient = self.post("/patients/", {"medical_record_number": number})["id"]
        lesion = self.post("/lesions/", {"patient": patient})["id"]
        body, media_type = multipart({"lesion": lesion}, picture)
        headers = bearer(self.token) | {"Content-Type": media_type}
        answer, content = self.client.ask("POST", "/api/v1/images/", body, headers)
        assert answer.status == 201, content
        return json.loads(content)


def multipart(fields: dict[str, str], file: bytes) -> tuple[bytes, str]:
    head = "".join(
        f'--part\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += '--part\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    return head.encode() + file + b"\r\n--part--\r\n", "multipart/form-data; boundary=part"


def test_a_picture_cannot_be_had_directly(nginx: Nginx, client: Client, stack: Stack) -> None:
    stored = sorted((stack.folder / "media" / "images").rglob("*.jpg"))[0]
    key = stored.relative_to(stack.folder / "media")
    for path in (f"{ACCEL}{key}", f"/media/{key}", f"/static/../media/{key}", f"/{key}"):
        answer, content = client.ask("GET", path)
        assert answer.status in (302, 400, 404), path
        assert not content.startswith(b"\xff\xd8")
    # what a client asks to be sent is not what the application asks
    answer, content = client.ask("GET", "/", headers={"X-Accel-Redirect": f"{ACCEL}{key}"})
    assert answer.status == 302


def test_what_is_too_large_gets_the_application_s_own_page(
    nginx: Nginx, client: Client, token: str
) -> None:
    body, media_type = multipart({}, b"x" * (LIMIT + 3 * MEBIBYTE))
    answer, content = client.ask("POST", "/diagnoses/new/", body, {"Content-Type": media_type})
    assert answer.status == 413
    assert b"The file is larger than 2 MB." in content
    assert b"file_too_large" in content
    headers = bearer(token) | {"Content-Type": media_type}
    answer, content = client.ask("POST", "/api/v1/images/", body, headers)
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(content)["code"] == "file_too_large"
    # between the two limits the application itself refuses, with the same code
    body, media_type = multipart({"lesion": "0" * 32}, b"x" * (LIMIT + MEBIBYTE))
    answer, content = client.ask("POST", "/api/v1/images/", body, headers)
    assert json.loads(content)["code"] in ("file_too_large", "not_found", "invalid")


def test_every_header_of_safety_is_said_once(client: Client, stack: Stack, token: str) -> None:
    style = next((stack.folder / "static" / "css").glob("base.*.css")).name
    for path in ("/sign-in/", f"/static/css/{style}", "/api/v1/me/", "/problems/too-large/"):
        answer, _content = client.ask("GET", path, headers=bearer(token))
        for name in ("Strict-Transport-Security", "X-Content-Type-Options"):
            assert len(answer.headers.get_all(name) or []) == 1, (path, name)
        assert "nginx/" not in (answer.headers["Server"] or "")
    answer, _content = client.ask(
        "GET", f"/static/css/{style}", headers={"Accept-Encoding": "gzip"}
    )
    caching = ", ".join(answer.headers.get_all("Cache-Control") or [])
    assert set(caching.split(", ")) == {"max-age=31536000", "public", "immutable"}
    assert answer.headers["Content-Encoding"] == "gzip"


def test_plain_http_is_sent_to_https(nginx: Nginx) -> None:
    address = urlsplit(nginx.plain)
    link = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
    link.request("GET", "/patients/?q=Ada")
    answer = link.getresponse()
    link.close()
    assert (answer.status, answer.headers["Location"]) == (301, f"{nginx.url}/patients/?q=Ada")


def test_old_tls_is_refused(nginx: Nginx) -> None:
    address = urlsplit(nginx.url)
    done = subprocess.run(
        ["openssl", "s_client", "-connect", address.netloc, "-tls1_1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode != 0
    assert "Cipher is (NONE)" in done.stdout or "no protocols available" in done.stderr


def test_the_audit_knows_the_client_and_not_what_it_claims(
    client: Client, stack: Stack, token: str
) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    answer, _content = client.ask("GET", "/api/v1/patients/", headers=bearer(token) | forged)
    assert answer.status == 200
    with stack.orm():
        addresses = set(AuditEvent.objects.values_list("address", flat=True))
    assert "127.0.0.1" in addresses
    assert "203.0.113.9" not in addresses


def test_the_logs_hold_no_search_and_nothing_of_a_patient(
    nginx: Nginx, client: Client, token: str
) -> None:
    client.ask("GET", "/patients/?q=Lovelace")
    client.ask("GET", "/api/v1/patients/?search=Lovelace", headers=bearer(token))
    client.ask("GET", "/no/such/page?name=Lovelace")
    wait_until(lambda: "/no/such/page" in nginx.access_log.read_text(), seconds=5)
    for log in (nginx.access_log, nginx.log):
        text = log.read_text()
        assert "Lovelace" not in text
        assert token not in text
    lines = [json.loads(line) for line in nginx.access_log.read_text().splitlines()]
    line = next(line for line in lines if line["path"] == "/no/such/page")
    assert (line["method"], line["status"], line["client"]) == ("GET", 404, "127.0.0.1")
    assert re.fullmatch(r"[0-9a-f]{32}", line["request_id"])


def test_the_figures_are_not_shown_outside(client: Client) -> None:
    answer, _content = client.ask("GET", "/metrics")
    assert answer.status == 404


def test_a_slow_phone_holds_no_process(nginx: Nginx, client: Client, token: str) -> None:
    """More slow uploads than the application has threads, and it answers at once."""
    address = urlsplit(nginx.url)
    links = []
    for _ in range(12):
        link = http.client.HTTPSConnection(
            address.hostname or "", address.port, context=client.context, timeout=30
        )
        link.putrequest("POST", "/api/v1/images/")
        for name, value in bearer(token).items():
            link.putheader(name, value)
        link.putheader("Content-Length", "100000")
        link.endheaders(b"the first bytes of a body that takes its time")
        links.append(link)
    started = time.monotonic()
    answer, _content = client.ask("GET", "/api/v1/me/", headers=bearer(token))
    assert (answer.status, time.monotonic() - started < 3) == (200, True)
    for link in links:
        link.close()


def test_too_many_requests_are_told_so(nginx: Nginx, stack: Stack, client: Client) -> None:
    folder = stack.folder / "nginx-strict"
    folder.mkdir()
    web = re.search(r"server (127\S+) ", (nginx.access_log.parent / "nginx.conf").read_text())
    assert web is not None
    strict = {"NGINX_RATE": "1", "NGINX_BURST": "1"}
    with running_nginx(folder, web=web[1], **strict) as limited:
        asked = [Client(limited).ask("GET", "/api/v1/me/") for _ in range(4)]
        last, content = asked[-1]
        assert last.status == 429
        assert json.loads(content)["code"] == "too_many_requests"
        assert last.headers["Retry-After"] == "1"


def test_without_the_application_nginx_says_so(tmp_path: Path) -> None:
    with running_nginx(tmp_path, web="127.0.0.1:9") as alone:
        answer, content = Client(alone).ask("GET", "/patients/")
        assert answer.status in (502, 503)
        assert b"does not answer just now" in content
        answer, content = Client(alone).ask("GET", "/api/v1/me/")
        assert json.loads(content)["code"] == "unavailable"


def test_a_renewed_certificate_is_used_after_a_reload(tmp_path: Path) -> None:
    with running_nginx(tmp_path, web="127.0.0.1:9") as alone:
        before = served(alone)
        for name in ("certificate.pem", "key.pem"):
            (tmp_path / name).unlink()
        assert check(tmp_path).returncode == 0
        assert served(alone) == before
        (tmp_path / "nginx.pid").read_text()
        alone.send(1)
        wait_until(lambda: served(alone) != before, seconds=10)
        assert status(f"{alone.plain}/healthz/nginx/") == 200


def served(nginx: Nginx) -> str:
    address = urlsplit(nginx.url)
    return ssl.get_server_certificate((address.hostname or "", address.port or 0))
