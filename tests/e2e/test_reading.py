"""What a doctor's hand and eye find on the page of a diagnosis, and on that of two pictures."""

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.e2e.pages import sign_in
from tests.support.browser import open_page

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def doctors_page(browser: Browser, clinic: str) -> Iterator[Page]:
    with open_page(browser) as page:
        sign_in(page, clinic)
        yield page


@pytest.fixture
def visit(doctors_page: Page, clinic: str) -> Callable[[str], Page]:
    def opened(address: str) -> Page:
        doctors_page.unroute_all()
        doctors_page.set_viewport_size({"width": 1440, "height": 900})
        doctors_page.goto(clinic + address)
        doctors_page.wait_for_load_state()
        return doctors_page

    return opened


def zoom(page: Page, number: int = 0) -> int:
    return int(page.locator(".viewer-tools output").nth(number).inner_text().rstrip("%"))


def test_the_keys_of_the_picture_work_anywhere_but_in_a_field(
    visit: Callable[[str], Page], records: dict[str, Any]
) -> None:
    page = visit(f"/diagnoses/{records['succeeded'].pk}/")
    whole = zoom(page)
    page.keyboard.press("+")
    page.keyboard.press("=")
    closer = zoom(page)
    assert closer > whole
    page.keyboard.press("-")
    assert whole < zoom(page) < closer
    page.keyboard.press("0")
    assert zoom(page) == whole
    page.keyboard.press("1")
    assert zoom(page) == 100
    page.keyboard.press("0")

    page.get_by_label("Notes").press("+")
    expect(page.get_by_label("Notes")).to_have_value("+")
    page.get_by_label("Notes").fill("")
    page.get_by_role("radio", name="Excise").focus()
    page.keyboard.press("Control+0")
    page.keyboard.press("Alt+1")
    page.keyboard.press("?")
    page.keyboard.press("1")
    assert zoom(page) == whole
    page.keyboard.press("?")
    page.keyboard.press("1")
    assert zoom(page) == 100
    # once for each press, where the picture itself has the focus too
    page.keyboard.press("0")
    page.keyboard.press("+")
    once = zoom(page)
    page.keyboard.press("0")
    page.locator(".stage").focus()
    page.keyboard.press("+")
    assert zoom(page) == once


def test_the_keys_of_the_picture_move_both_that_are_compared(
    visit: Callable[[str], Page], records: dict[str, Any]
) -> None:
    page = visit(f"/lesions/{records['lesion'].pk}/")
    whole = zoom(page, 0), zoom(page, 1)
    page.keyboard.press("+")
    assert zoom(page, 0) > whole[0]
    assert zoom(page, 1) > whole[1]
    page.keyboard.press("0")
    assert (zoom(page, 0), zoom(page, 1)) == whole
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("or both that are compared")
    page.keyboard.press("Escape")


def edge(page: Page, number: int = 0, *, side: str = "left") -> set[int]:
    """How bright the picture's stage is in the ten pixels at the middle of a side."""
    box = page.locator(".stage").nth(number).bounding_box()
    assert box is not None
    x = box["x"] if side == "left" else box["x"] + box["width"] - 10
    clip = {"x": round(x), "y": round(box["y"] + box["height"] / 2), "width": 10, "height": 1}
    with Image.open(BytesIO(page.screenshot(clip=clip))) as shot:
        return set(shot.convert("L").tobytes())


@pytest.mark.parametrize("bright", [0, 255])
def test_the_picture_with_the_focus_has_a_ring_at_any_zoom(
    visit: Callable[[str], Page], records: dict[str, Any], bright: int
) -> None:
    page = visit(f"/diagnoses/{records['succeeded'].pk}/")
    page.locator(".stage img").evaluate(
        "(image, level) => { image.style.filter = `brightness(${level})`; }", bright
    )
    stage = page.locator(".stage")
    stage.focus()
    for key in ("0", "+", "1"):
        for _ in range(6):
            page.keyboard.press(key)
        seen = edge(page)
        assert min(seen) < 60, (key, seen)
        assert max(seen) > 240, (key, seen)


def test_the_one_of_two_pictures_with_the_focus_has_a_ring_over_the_other(
    visit: Callable[[str], Page], records: dict[str, Any]
) -> None:
    page = visit(f"/lesions/{records['lesion'].pk}/")
    page.get_by_role("radio", name="Slider").check(force=True)
    slider = page.locator("[data-slider]")
    for number in (0, 1):
        for covered in ("0", "100"):
            slider.fill(covered)
            page.locator(".stage").nth(number).focus()
            page.keyboard.press("ArrowLeft")
            sides = [edge(page, number, side=side) for side in ("left", "right")]
            assert all(min(seen) < 60 and max(seen) > 240 for seen in sides), (number, covered)


@pytest.mark.parametrize("width", [390, 820, 1440])
def test_the_fader_is_empty_at_nothing_and_full_at_all(
    visit: Callable[[str], Page], records: dict[str, Any], width: int
) -> None:
    page = visit(f"/lesions/{records['lesion'].pk}/")
    page.get_by_role("radio", name="Slider").check(force=True)
    page.set_viewport_size({"width": width, "height": 900})
    slider = page.locator("[data-slider]")
    filled = {}
    for value in ("0", "50", "100"):
        slider.fill(value)
        page.evaluate("document.activeElement.blur()")
        page.mouse.move(0, 0)
        with Image.open(BytesIO(slider.screenshot())) as shot:
            middle = shot.convert("RGB").crop(
                (0, shot.height // 2, shot.width, shot.height // 2 + 1)
            )
            colours = [middle.getpixel((x, 0)) for x in range(shot.width)]
        coloured = [x for x, (red, green, _blue) in enumerate(colours) if green - red > 60]
        drawn = [x for x, colour in enumerate(colours) if colour != colours[0]] or [0]
        filled[value] = len(coloured) / len(colours)
        ends = coloured[0], len(colours) - 1 - coloured[-1]
    # nothing but the knob, and no track beyond it
    assert filled["0"] * slider.evaluate("part => part.clientWidth") <= 18, filled
    assert 0.4 < filled["50"] < 0.6
    assert ends[1] <= 3, (ends, drawn[-1])


SAVE = """(form) => {
  form.elements.conclusion.value = "nevus";
  form.elements.management.value = "none";
  form.requestSubmit(form.elements.save);
}"""


def test_the_bar_never_shows_what_it_takes_back(
    visit: Callable[[str], Page], records: dict[str, Any], browser: Browser, clinic: str
) -> None:
    address = f"/diagnoses/{records['succeeded'].pk}/"
    page = visit(address)
    sign = page.get_by_role("button", name="Sign", exact=True)
    review = page.locator(".review-bar a")
    for width in (390, 820):
        page.set_viewport_size({"width": width, "height": 844})
        page.route("**/review*.js", lambda _route: None)
        page.goto(clinic + address, wait_until="commit")
        expect(review).to_be_visible()
        expect(sign).to_be_hidden()
        # a draft was saved: the page opens at the form
        page.locator("#review").evaluate(SAVE)
        expect(page.get_by_text("Draft saved.")).to_be_attached()
        expect(sign).to_be_visible()
        expect(review).to_be_hidden()
        page.goto("about:blank")
        page.unroute_all()
        page.goto(f"{clinic}{address}#review")
        expect(sign).to_be_visible()
        page.evaluate("scrollTo(0, 0)")
        expect(review).to_be_visible()
        expect(sign).to_be_hidden()

    state = page.context.storage_state()
    with open_page(browser, java_script_enabled=False, storage_state=state) as plain:
        plain.set_viewport_size({"width": 390, "height": 844})
        plain.goto(clinic + address)
        expect(plain.get_by_role("button", name="Sign", exact=True)).to_be_visible()
        expect(plain.get_by_role("button", name="Save draft")).to_be_visible()


def test_one_key_leads_to_the_signature_and_does_not_press_it(
    visit: Callable[[str], Page], records: dict[str, Any]
) -> None:
    page = visit(f"/diagnoses/{records['succeeded'].pk}/")
    sign = page.get_by_role("button", name="Sign", exact=True)
    for width in (390, 820, 1440):
        page.set_viewport_size({"width": width, "height": 844})
        page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        page.keyboard.press("s")
        expect(sign).to_be_focused()
        expect(sign).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("heading", name="Your review")).to_be_visible()
    page.get_by_label("Notes").press("s")
    expect(page.get_by_label("Notes")).to_have_value("s")
    page.get_by_label("Notes").fill("")
    sign.focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text(
        "To the button Sign, on the page of a diagnosis"
    )
    page.keyboard.press("Escape")

    page = visit(f"/diagnoses/{records['signed'].pk}/")
    page.keyboard.press("s")
    amend = page.locator("details:has(#review)")
    expect(amend).not_to_have_attribute("open", "")
    assert page.evaluate("document.activeElement === document.body")
    amend.locator("summary").click()
    page.keyboard.press("s")
    expect(page.get_by_role("button", name="Sign the amendment")).to_be_focused()
