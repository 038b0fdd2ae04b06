"""Headless Chromium of the machine, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Request, Response, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
# no call home, and no sandbox: tests may run as root in a container
ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def find_program() -> str:
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        raise FileNotFoundError("install Chromium (on Debian: apt-get install chromium)")
    return found


@contextmanager
def running_browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_program(), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Browser, **options: object) -> Iterator[Page]:
    """A page of a fresh session, which fails the test on script errors and foreign addresses."""
    context: BrowserContext = browser.new_context(
        viewport={"width": 1280, "height": 900}, locale="en-GB", **options
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    complaints: list[str] = []

    def note_request(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.hostname != "127.0.0.1":
            complaints.append(f"asked {address.hostname} for {address.path}")

    def note_response(response: Response) -> None:
        if response.status >= 400 and "/static/" in response.url:
            complaints.append(f"misses {urlsplit(response.url).path}")

    context.on("request", note_request)
    context.on("response", note_response)
    context.on("weberror", lambda failure: complaints.append(f"script error: {failure.error}"))
    try:
        yield page
        assert not complaints, f"the page {'; '.join(complaints)}"
    finally:
        context.close()
