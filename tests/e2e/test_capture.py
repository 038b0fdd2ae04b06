"""Many pictures over a bad line, in a real browser, until their readings stand in the grid."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from playwright.sync_api import Page, Route, expect

from tests.e2e.clinic import make_clinic
from tests.e2e.test_browser import sign_in
from tests.support.broken_line import Line, open_line
from tests.support.pictures import photographs
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def line(stack: Stack) -> Iterator[Line]:
    """A line to a clinic with a worker."""
    make_clinic(stack)
    server = stack.start_web()
    worker = stack.start_worker(beat=True)
    with open_line(server.url) as line:
        yield line
    worker.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures in a folder of folders, one of them large, a note, and no picture."""
    below = tmp_path / "visit" / "second camera"
    below.mkdir(parents=True)
    for number, content in enumerate(photographs(2)):
        (below / f"{number}.jpg").write_bytes(content)
    (tmp_path / "visit" / "large.png").write_bytes(large_picture())
    (tmp_path / "visit" / "notes.txt").write_text("left arm")
    (tmp_path / "visit" / "broken.jpg").write_bytes(b"no picture")
    return tmp_path / "visit"


def large_picture() -> bytes:
    noise = np.random.default_rng(0).integers(0, 255, (900, 1200, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    PillowImage.fromarray(noise).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def open_form(page: Page, line: Line, number: str) -> None:
    sign_in(page, line.url)
    page.get_by_role("link", name="New diagnosis").first.click()
    page.get_by_role("link", name="Send many at once").click()
    page.wait_for_url("**/batches/new/")
    page.get_by_label("Medical record number").fill(number)


def images(stack: Stack, number: str) -> int:
    from clinic.models import Image

    with stack.orm():
        found = Image.objects.filter(lesion__patient__medical_record_number=number)
        return found.count()


def test_a_folder_over_a_line_that_breaks(
    page: Page, line: Line, stack: Stack, folder: Path
) -> None:
    open_form(page, line, "LINE-1")
    page.locator("input[webkitdirectory]").set_input_files(folder)
    expect(page.locator(".file")).to_have_count(4)
    page.get_by_text("Left out: 1").click()
    expect(page.locator("#left-out li")).to_contain_text("notes.txt")
    page.locator("#id_files").set_input_files(folder / "large.png")

    line.break_uploads(2, path="/files/", share=0.6, least=1_000_000)
    page.get_by_role("button", name="Send and read").click()
    expect(page.locator("#files")).to_contain_text("The connection broke at", timeout=20_000)
    expect(page.locator("#upload-summary")).to_contain_text("3 of", timeout=60_000)
    expect(page.locator('.file[data-state="refused"]')).to_contain_text("The file is not a picture")
    # the same bytes would be refused again
    expect(
        page.locator('.file[data-state="refused"]').get_by_role("button")
    ).to_have_accessible_name("Remove broken.jpg")
    assert line.broken == 2
    expect(page.locator(".action-bar .primary:visible")).to_have_text("Results so far")

    page.get_by_role("link", name="Results so far").click()
    expect(page.locator(".shot")).to_have_count(4)
    expect(page.locator(".batch-state")).to_contain_text("3 read, 1 refused", timeout=60_000)
    expect(page.locator("#batch-grid")).to_have_attribute(
        "data-order", "importance", timeout=60_000
    )
    assert images(stack, "LINE-1") == 3


def test_a_missing_number_and_missing_pictures_are_said_at_once(
    page: Page, line: Line, stack: Stack
) -> None:
    open_form(page, line, "")
    no_picture = page.get_by_role("alert").filter(has_text="Choose at least one picture.")
    page.get_by_role("button", name="Send and read").click()
    expect(no_picture).to_be_visible()
    number = page.get_by_label("Medical record number")
    expect(number).to_have_attribute("aria-invalid", "true")
    expect(number).to_be_focused()
    expect(page.locator(".field.wrong")).to_contain_text("required")
    number.fill("LINE-5")
    page.get_by_role("button", name="Send and read").click()
    expect(no_picture).to_be_visible()
    with stack.orm():
        from diagnosis.models import Batch

        assert not Batch.objects.filter(patient__medical_record_number="LINE-5").exists()


def test_an_answer_that_is_lost_makes_no_second_image(
    page: Page, line: Line, stack: Stack, folder: Path
) -> None:
    """The server has stored the file and the browser does not know it."""
    lost = []

    def lose_the_first_answer(route) -> None:
        if lost:
            return route.continue_()
        lost.append(route.fetch().status)
        return route.abort("connectionreset")

    open_form(page, line, "LINE-2")
    page.route("**/files/", lose_the_first_answer)
    page.locator("#id_files").set_input_files(folder / "large.png")
    page.get_by_role("button", name="Send and read").click()
    page.wait_for_url("**/batches/*-*/")
    assert lost == [201]
    assert images(stack, "LINE-2") == 1


def test_a_session_that_ends_in_the_middle_loses_nothing(
    page: Page, line: Line, stack: Stack, folder: Path
) -> None:
    open_form(page, line, "LINE-3")
    pictures = [*(folder / "second camera").iterdir(), folder / "large.png"]
    page.locator("#id_files").set_input_files(pictures)
    page.route("**/files/", lambda route: end_session(page, route), times=1)
    page.get_by_role("button", name="Send and read").click()
    notice = page.get_by_role("alert")
    expect(notice).to_contain_text("You are signed out. What you typed is still here")

    with page.context.expect_page() as opened:
        notice.get_by_role("link", name="sign in in another tab").click()
    sign_in(opened.value, line.url)
    page.get_by_role("button", name="Send again").click()
    page.wait_for_url("**/batches/*-*/")
    expect(page.locator(".shot")).to_have_count(3)
    assert images(stack, "LINE-3") == 3


def end_session(page: Page, route) -> None:
    page.context.clear_cookies(name="sessionid")
    headers = {name: text for name, text in route.request.headers.items() if name != "cookie"}
    route.continue_(headers=headers)


def test_pictures_that_were_sent_before_are_known_again(
    page: Page, line: Line, stack: Stack, folder: Path
) -> None:
    """Who closed the page in the middle drops the same pictures once more."""
    open_form(page, line, "LINE-4")
    page.locator("#id_files").set_input_files(folder / "large.png")
    page.get_by_role("button", name="Send and read").click()
    page.wait_for_url("**/batches/*-*/")
    page.get_by_role("link", name="Add pictures").click()
    good = folder / "second camera" / "0.jpg"
    page.locator("#id_files").set_input_files([folder / "large.png", good])
    page.get_by_role("button", name="Send and read").click()
    page.wait_for_url("**/batches/*-*/?known=1")
    expect(page.locator(".shot")).to_have_count(2)
    expect(page.get_by_text("1 of the pictures that were sent was in this batch")).to_be_visible()
    assert images(stack, "LINE-4") == 2


def test_two_names_of_one_picture_that_are_sent_at_once_are_both_in_the_results(
    page: Page, line: Line, stack: Stack, folder: Path
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_form(page, line, "LINE-5")
    picture = folder / "second camera" / "0.jpg"
    files = [picture, picture.with_name("copy.jpg")]
    files[1].write_bytes(picture.read_bytes())
    page.locator("#id_files").set_input_files(files)
    held: list[Route] = []

    def hold_until_both_are_there(route: Route) -> None:
        held.append(route)
        if len(held) == len(files):
            for one in reversed(held):
                one.continue_()

    page.route("**/files/", hold_until_both_are_there)
    page.get_by_role("button", name="Send and read").click()
    page.wait_for_url("**/batches/*-*/?known=1")
    expect(page.locator(".shot")).to_have_count(1)
    expect(page.locator(".shot")).to_contain_text("The same picture as")
    expect(page.locator(".shot")).to_contain_text("copy.jpg")
    expect(page.locator(".shot")).to_contain_text("0.jpg")
    assert images(stack, "LINE-5") == 1
