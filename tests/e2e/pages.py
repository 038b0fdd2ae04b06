"""What tests do on pages that many of them open."""

from playwright.sync_api import Page, expect

from tests.e2e.clinic import PASSWORD


def sign_in(page: Page, url: str, who: str = "doctor") -> None:
    """At the clinic of that address; leads to the worklist."""
    page.goto(f"{url}/sign-in/")
    send_password(page, who)
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()


def send_password(page: Page, who: str = "doctor") -> None:
    """On the page of the sign-in, wherever it leads to."""
    page.get_by_label("Username").fill(who)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
