"""A doctor without a mouse: from sign-in to the first signed review, and what keeps the focus."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.clinic import PASSWORD, make_clinic
from tests.support.browser import open_page
from tests.support.pictures import photographs
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(300)

# what the browser draws around the element that has the focus, or around what stands for it: a
# hidden radio button's tile, a row's link over the whole row
OUTLINE = """() => {
  const part = document.activeElement;
  const drawn = [part, part.nextElementSibling].filter(Boolean).flatMap(
    (shape) => [getComputedStyle(shape), getComputedStyle(shape, "::after")]);
  const strokes = [...part.querySelectorAll("g")].map((shape) => getComputedStyle(shape).stroke);
  return drawn.some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2)
    || strokes.some((stroke) => stroke !== "none");
}"""


@pytest.fixture(scope="module")
def clinic(stack: Stack) -> Iterator[str]:
    """The address of a clinic with a worker."""
    make_clinic(stack)
    server = stack.start_web()
    worker = stack.start_worker(beat=True)
    yield server.url
    worker.stop()


def tab_to(page: Page, target: Locator, *, most: int = 60) -> None:
    """Press Tab until the element has the focus; every stop on the way is seen."""
    for _ in range(most):
        page.keyboard.press("Tab")
        assert page.evaluate(OUTLINE), f"no focus is seen on {describe(page)}"
        if target.evaluate("part => part === document.activeElement"):
            return
    raise AssertionError(f"{most} tabs do not lead there; the last stop is {describe(page)}")


def describe(page: Page) -> str:
    return str(page.evaluate("document.activeElement.outerHTML.slice(0, 200)"))


def sign_in(page: Page, url: str) -> None:
    page.goto(url)
    # the first field has the focus, which a browser gives a moment after the page is there
    expect(page.get_by_label("Username")).to_be_focused()
    page.keyboard.type("doctor")
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Worklist")).to_be_visible()
    # its scripts listen to the keys
    page.wait_for_load_state()


def test_from_the_sign_in_to_a_signed_review_by_keyboard_alone(
    page: Page, clinic: str, tmp_path: Path
) -> None:
    photograph = tmp_path / "lesion.jpg"
    photograph.write_bytes(photographs(1)[0])
    # the browser is told now that it is to hand the dialog of the system over
    page.on("filechooser", lambda chooser: chooser.set_files(photograph))
    sign_in(page, clinic)
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="New diagnosis")).to_be_visible()
    expect(page.get_by_label("Medical record number")).to_be_focused()
    page.keyboard.type("KEY-1")
    tab_to(page, page.get_by_label("Birth date"))
    # the third of March, whatever the order of day and month
    page.keyboard.type("03031968")
    # of a group of radio buttons one takes the focus; arrows choose
    tab_to(page, page.get_by_role("radio", name="Unknown"))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Female")).to_be_checked()
    back = page.locator("svg.figure[data-view=back]")
    tab_to(page, back)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name="Posterior torso")).to_be_checked()
    tab_to(page, page.locator("#id_file"))
    page.keyboard.press("Enter")
    expect(page.locator("#file-facts")).to_contain_text("lesion.jpg")
    # the number was looked up meanwhile, which took nothing away
    expect(page.get_by_label("Birth date")).to_have_value("1968-03-03")
    tab_to(page, page.get_by_role("button", name="Read", exact=True))
    page.keyboard.press("Enter")
    page.wait_for_url("**/diagnoses/*-*/")

    page.keyboard.press("c")
    expect(page.get_by_label("Conclusion")).to_be_focused()
    notes = page.get_by_label("Notes")
    tab_to(page, notes)
    page.keyboard.type("border ")
    expect(page.locator("#answer[data-status=succeeded]")).to_be_visible(timeout=60_000)
    # the answer came while somebody wrote: what is typed next still goes there
    expect(notes).to_be_focused()
    page.keyboard.type("irregular")
    expect(notes).to_have_value("border irregular")

    sign = page.get_by_role("button", name="Sign", exact=True)
    page.keyboard.press("Home")
    for _ in range(12):
        page.keyboard.press("Shift+Tab")
        if page.locator("#agree").evaluate("part => part === document.activeElement"):
            break
    page.keyboard.press("Enter")
    # it leads on to the management
    page.keyboard.press("Space")
    expect(page.get_by_role("radio", name="No action")).to_be_checked()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("radio", name="Excise")).to_be_checked()
    tab_to(page, sign)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Signed conclusion")).to_be_visible()


def test_half_a_date_is_not_taken_for_none(page: Page, clinic: str) -> None:
    sign_in(page, clinic)
    page.goto(f"{clinic}/patients/new/")
    page.get_by_label("Medical record number").fill("KEY-2")
    birth = page.get_by_label("Birth date")
    birth.press("0")
    birth.press("3")
    page.get_by_role("button", name="Record patient").click()
    expect(birth).to_be_focused()
    assert page.url.endswith("/patients/new/")
    birth.fill("1968-03-03")
    page.get_by_role("button", name="Record patient").click()
    expect(page.get_by_role("heading", name="KEY-2")).to_be_visible()


def test_the_first_tab_skips_to_the_content(page: Page, clinic: str) -> None:
    sign_in(page, clinic)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_a_list_that_refreshes_leaves_the_focus_on_its_row(page: Page, clinic: str) -> None:
    sign_in(page, clinic)
    page.goto(f"{clinic}/?review=all")
    row = page.locator("#worklist .row-link").first
    page.keyboard.press("j")
    expect(row).to_be_focused()
    address = row.get_attribute("href")
    page.evaluate("document.getElementById('worklist').stays = false")
    page.evaluate("htmx.ajax('GET', location.href, {target: '#worklist', swap: 'outerHTML'})")
    page.wait_for_function("document.getElementById('worklist').stays === undefined")
    focused = page.locator("#worklist .row-link:focus")
    expect(focused).to_have_attribute("href", address or "")


def test_the_list_of_keys_gives_the_focus_back(page: Page, clinic: str) -> None:
    sign_in(page, clinic)
    opener = page.get_by_role("button", name="List of keys")
    tab_to(page, opener)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(opener).to_be_focused()


def test_who_wants_no_motion_sees_none(browser: Browser, clinic: str) -> None:
    moving = """() => document.getAnimations().length + [...document.querySelectorAll("*")].filter(
      (part) => parseFloat(getComputedStyle(part).transitionDuration) > 0).length"""
    with open_page(browser, reduced_motion="reduce") as page:
        sign_in(page, clinic)
        for address in ("/", "/patients/", "/diagnoses/new/"):
            page.goto(clinic + address)
            assert page.evaluate(moving) == 0
