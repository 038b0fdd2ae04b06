"""A doctor's way in a real browser: sign in, record, photograph, read the answer, sign, report."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.clinic import make_clinic
from tests.e2e.pages import sign_in
from tests.support.browser import open_page
from tests.support.pictures import data_folder, photographs
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def clinic(stack: Stack) -> Iterator[str]:
    """The address of a clinic with a worker."""
    make_clinic(stack)
    server = stack.start_web()
    worker = stack.start_worker(beat=True)
    yield server.url
    worker.stop()


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """A real photograph as a clinic would upload it, where the data folder is there."""
    folder = data_folder()
    if folder is not None:
        return sorted((folder / "originals").glob("*.jpg"))[0]
    path = tmp_path / "drawing.jpg"
    path.write_bytes(photographs(1)[0])
    return path


def order_reading(page: Page, number: str, file: Path | dict) -> None:
    page.get_by_role("link", name="New diagnosis").first.click()
    fill_in(page, number, file)


def fill_in(page: Page, number: str, file: Path | dict) -> None:
    page.get_by_label("Medical record number").fill(number)
    page.get_by_label("Birth date").fill("1968-03-21")
    page.get_by_role("radio", name="Female").check()
    tap_the_back(page)
    expect(page.get_by_role("radio", name="Posterior torso")).to_be_checked()
    expect(page.get_by_role("radio", name="Left")).to_be_checked()
    page.locator("input[name=file]").set_input_files(file)
    page.get_by_role("button", name="Read", exact=True).click()


def tap_the_back(page: Page) -> None:
    figure = page.locator("svg.figure[data-view=back]")
    box = figure.bounding_box()
    assert box is not None
    figure.click(position={"x": box["width"] * 0.42, "y": box["height"] * 0.25})


def test_doctor_records_reads_signs_and_finds_the_row_in_the_report(
    page: Page, clinic: str, photograph: Path
) -> None:
    sign_in(page, clinic)
    order_reading(page, "E2E-1", photograph)
    page.wait_for_url("**/diagnoses/*-*/")
    address = page.url
    # typed before the answer is there: the refreshed fragment must not take it away
    page.get_by_label("Notes").fill("border irregular")
    expect(page.locator("#answer[data-status=succeeded]")).to_be_visible(timeout=60_000)
    assert page.url == address
    expect(page.get_by_label("Notes")).to_have_value("border irregular")
    expect(page.locator("#answer")).to_contain_text("starter")

    page.get_by_role("button", name="Agree with the AI").click()
    page.get_by_role("radio", name="Excise").check()
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.get_by_role("heading", name="Signed conclusion")).to_be_visible()
    expect(page.locator("main")).to_contain_text("signed by Sample Doctor")
    conclusion = page.locator(".signed-review .headline").inner_text()

    page.get_by_role("link", name="Report", exact=True).first.click()
    row = page.get_by_role("row").filter(has_text="Sample Doctor")
    expect(row).to_contain_text(conclusion)
    expect(row.locator("img")).to_have_js_property("complete", True)
    assert row.locator("img").evaluate("picture => picture.naturalWidth") > 0


def test_on_a_phone_the_camera_is_in_the_bar_until_the_picture_is(
    browser: Browser, clinic: str, photograph: Path
) -> None:
    with open_page(browser, has_touch=True) as page:
        page.set_viewport_size({"width": 390, "height": 844})
        sign_in(page, clinic)
        page.goto(f"{clinic}/diagnoses/new/")
        page.get_by_label("Medical record number").fill("E2E-6")
        bar = page.locator(".action-bar")
        with page.expect_file_chooser() as camera:
            bar.get_by_text("Photograph").tap()
        camera.value.set_files(photograph)
        expect(bar.get_by_text("Photograph")).to_be_hidden()
        page.evaluate("scrollTo(0, 0)")
        expect(page.locator("#file-facts")).not_to_be_in_viewport()

        bar.get_by_role("link", name="The chosen picture").tap()
        expect(page.locator("#file-facts")).to_be_in_viewport()
        page.get_by_role("button", name="Read", exact=True).tap()
        page.wait_for_url("**/diagnoses/*-*/")


def test_the_map_of_where_the_model_looked_fades_in(
    page: Page, clinic: str, photograph: Path
) -> None:
    sign_in(page, clinic)
    order_reading(page, "E2E-4", photograph)
    page.wait_for_url("**/diagnoses/*-*/")
    # the page was opened before the answer, and has not been loaded again since
    page.evaluate("window.opened = true")
    fader = page.get_by_label("Show where the model looked")
    expect(fader).to_be_visible(timeout=60_000)
    assert page.evaluate("window.opened")
    layer = page.locator(".stage .heat-layer")
    expect(layer).to_have_count(0)

    fader.focus()
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    expect(layer).to_have_css("opacity", "0.7")
    expect(layer).to_have_js_property("complete", True)
    assert layer.evaluate("map => map.naturalWidth") > 0
    picture = page.locator(".stage img").first
    assert layer.bounding_box() == picture.bounding_box()
    page.get_by_role("button", name="Closer").click()
    assert layer.bounding_box() == picture.bounding_box()
    expect(page.locator("#heat-map-legend")).to_contain_text("not that the answer is right")


def test_without_scripts_the_map_is_a_second_picture(
    browser: Browser, page: Page, clinic: str, photograph: Path
) -> None:
    sign_in(page, clinic)
    order_reading(page, "E2E-5", photograph)
    page.wait_for_url("**/diagnoses/*-*/")
    expect(page.get_by_label("Show where the model looked")).to_be_visible(timeout=60_000)
    state = page.context.storage_state()
    context = browser.new_context(java_script_enabled=False, storage_state=state)
    plain = context.new_page()
    plain.goto(page.url)
    second = plain.get_by_alt_text("Where the model looked, over the picture")
    expect(second).to_be_visible()
    expect(plain.get_by_label("Show where the model looked")).to_be_hidden()
    context.close()


def test_the_language_is_chosen_at_the_foot_and_changed_back(page: Page, clinic: str) -> None:
    page.goto(clinic)
    steps = (("Language", "Español", "Iniciar sesión"), ("Idioma", "English", "Sign in"))
    for label, name, heading in steps:
        page.get_by_label(label, exact=True).select_option(label=name)
        page.get_by_role("contentinfo").get_by_role("button").click()
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_session_that_ended_loses_nothing(page: Page, clinic: str, photograph: Path) -> None:
    sign_in(page, clinic)
    page.get_by_role("link", name="New diagnosis").first.click()
    page.wait_for_url("**/diagnoses/new/")
    page.context.clear_cookies(name="sessionid")
    fill_in(page, "E2E-3", photograph)
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("You are signed out. What you typed is still here")

    link = notice.get_by_role("link", name="sign in in another tab")
    expect(link).to_have_attribute("rel", "noopener")
    with page.context.expect_page() as opened:
        link.click()
    sign_in(opened.value, clinic)
    opened.value.close()
    page.get_by_role("button", name="Read", exact=True).click()
    page.wait_for_url("**/diagnoses/*-*/")
    expect(page.get_by_role("heading", name="E2E-3")).to_be_visible()


def test_a_bad_file_is_explained_and_nothing_typed_is_lost(page: Page, clinic: str) -> None:
    sign_in(page, clinic)
    bad = {"name": "lesion.jpg", "mimeType": "image/jpeg", "buffer": b"this is no picture"}
    order_reading(page, "E2E-2", bad)
    expect(page.locator("main")).to_contain_text("not a picture")
    expect(page.get_by_label("Medical record number")).to_have_value("E2E-2")
    page.get_by_role("searchbox").fill("E2E-2")
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator("main")).not_to_contain_text("1968")
