"""What is typed when the session ends meanwhile: by a poll, or by a sign-in in another tab."""

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.pages import send_password, sign_in

pytestmark = pytest.mark.timeout(300)


def open_reading(page: Page, clinic: str, row: Any) -> None:
    sign_in(page, clinic)
    page.goto(f"{clinic}/diagnoses/{row.pk}/")


def type_review(page: Page) -> None:
    page.get_by_label("Conclusion").select_option("melanoma")
    page.get_by_role("radio", name="Excise").check()
    page.get_by_label("Notes").fill("border irregular")


def expect_review(page: Page) -> None:
    expect(page.get_by_label("Conclusion")).to_have_value("melanoma")
    expect(page.get_by_role("radio", name="Excise")).to_be_checked()
    expect(page.get_by_label("Notes")).to_have_value("border irregular")


def test_a_poll_without_a_session_leaves_what_is_typed(
    page: Page, clinic: str, records: dict[str, Any]
) -> None:
    open_reading(page, clinic, records["queued"])
    type_review(page)
    page.context.clear_cookies(name="sessionid")

    notice = page.locator("main > [role=alert]")
    expect(notice).to_contain_text("You are signed out. What you typed is still here")
    expect(notice).to_be_in_viewport()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []
    expect_review(page)

    with page.context.expect_page() as opened:
        notice.get_by_role("link").click()
    sign_in(opened.value, clinic)
    opened.value.close()
    # the token is another one now: the form comes back, filled in, and is sent again
    page.bring_to_front()
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was sent: look at it")
    expect_review(page)
    page.get_by_role("button", name="Save draft").click()
    # as every review of a picture that is not read yet
    expect(page.get_by_role("alert")).not_to_contain_text("too old")
    expect_review(page)


def test_the_poll_goes_on_after_a_sign_in_elsewhere(
    page: Page, clinic: str, records: dict[str, Any]
) -> None:
    open_reading(page, clinic, records["running"])
    type_review(page)
    page.context.clear_cookies(name="sessionid")
    notice = page.locator("main > [role=alert]")
    expect(notice).to_be_visible()

    other = page.context.new_page()
    sign_in(other, clinic)
    other.close()
    page.evaluate("window.dispatchEvent(new Event('focus'))")

    expect(notice).to_have_count(0)
    expect_review(page)


def test_a_poll_without_a_session_and_nothing_typed_leads_to_the_sign_in(
    page: Page, clinic: str, records: dict[str, Any]
) -> None:
    open_reading(page, clinic, records["queued"])
    page.context.clear_cookies(name="sessionid")

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_review_sent_without_a_session_is_filled_in_after_the_sign_in(
    page: Page, clinic: str, records: dict[str, Any]
) -> None:
    open_reading(page, clinic, records["succeeded"])
    type_review(page)
    page.context.clear_cookies(name="sessionid")
    page.get_by_role("button", name="Sign", exact=True).click()

    expect(page.get_by_role("main")).to_contain_text("What you typed is kept")
    send_password(page)
    expect(page.get_by_role("alert")).to_contain_text("You had been signed out")
    expect_review(page)
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.get_by_role("heading", name="Signed conclusion")).to_be_visible()


def test_two_tabs_and_a_new_sign_in_lose_no_patient(page: Page, clinic: str) -> None:
    sign_in(page, clinic)
    page.goto(f"{clinic}/patients/new/")
    page.get_by_label("Medical record number").fill("TABS-1")
    page.get_by_label("Family name").fill("Kept")
    other = page.context.new_page()
    other.goto(clinic)
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(other, clinic)

    page.get_by_role("button", name="Record patient").click()
    expect(page.get_by_role("alert")).to_contain_text("The form was too old. Nothing was sent")
    expect(page.get_by_label("Family name")).to_have_value("Kept")
    page.get_by_role("button", name="Record patient").click()
    expect(page.get_by_role("heading", name="Kept")).to_be_visible()
