"""The results of a batch in a real browser: who opens a picture finds them again as they were."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.pages import sign_in
from tests.factories import BatchFactory, BatchFileFactory, DiagnosisRequestFactory, spread
from tests.support.axe import ALL, violations
from tests.support.pictures import photographs
from tests.support.stack import Stack

pytestmark = pytest.mark.timeout(300)
# the riskiest of them have the highest numbers
SUSPICIOUS, CALM = 24, 6


@pytest.fixture
def batch(stack: Stack, records: dict[str, Any]) -> Any:
    """Mostly suspicious pictures; one waits, for which there is no worker, one was refused."""
    with stack.orm():
        model, patient = records["model"], records["patient"]
        batch = BatchFactory(patient=patient, model_version=model)
        for number in range(SUSPICIOUS + CALM):
            risk = 0.6 + number / 100 if number < SUSPICIOUS else 0.01
            add(batch, f"{number}.jpg", risk)
        DiagnosisRequestFactory(image=file_of(batch, "waits.jpg").image, model_version=model)
        BatchFileFactory(batch=batch, name="half.jpg", refused=True)
        return batch


def file_of(batch: Any, name: str) -> Any:
    return BatchFileFactory(batch=batch, name=name, image__lesion__patient=batch.patient)


def add(batch: Any, name: str, melanoma: float) -> Any:
    return DiagnosisRequestFactory(
        image=file_of(batch, name).image,
        model_version=batch.model_version,
        succeeded=True,
        prediction__probabilities=spread("melanoma", melanoma),
        prediction__malignancy_probability=melanoma,
    )


@pytest.fixture
def results(page: Page, clinic: str, batch: Any) -> Callable[..., Page]:
    def go(width: int = 1440) -> Page:
        page.set_viewport_size({"width": width, "height": 900})
        sign_in(page, clinic)
        page.goto(f"{clinic}/batches/{batch.pk}/")
        return page

    return go


def chosen(page: Page, name: str):
    return page.get_by_role("navigation", name="Show").get_by_role("link", name=name)


def choose(page: Page, name: str) -> None:
    chosen(page, name).focus()
    page.keyboard.press("Enter")
    expect(chosen(page, name)).to_have_attribute("aria-current", "true")


def shot(page: Page, name: str):
    return page.get_by_role("link", name=name, exact=True)


def names(page: Page) -> list[str]:
    return page.locator(".shot:visible .file-name").all_text_contents()


@pytest.mark.parametrize("width", [390, 1440])
def test_back_and_a_reload_find_the_filter_the_order_and_the_place_again(
    results: Callable[..., Page], width: int
) -> None:
    page = results(width)
    choose(page, "Suspicious")
    page.get_by_role("link", name="Sort by importance").click()
    expect(page.locator("#batch-grid")).to_have_attribute("data-order", "importance")
    expect(page).to_have_url(re.compile(r"/batches/[^/]+/\?show=suspicious&sort=importance$"))
    order = names(page)
    assert len(order) == SUSPICIOUS
    assert order[0] == f"{SUSPICIOUS - 1}.jpg"

    shot(page, "3.jpg").scroll_into_view_if_needed()
    place = page.evaluate("scrollY")
    assert place > 0
    shot(page, "3.jpg").click()
    expect(page.get_by_role("heading", name="Your review")).to_be_visible()
    page.go_back()
    expect(chosen(page, "Suspicious")).to_have_attribute("aria-current", "true")
    assert names(page) == order
    expect(shot(page, "3.jpg")).to_be_in_viewport()

    page.reload()
    expect(chosen(page, "Suspicious")).to_have_attribute("aria-current", "true")
    assert names(page) == order
    assert violations(page, ALL) == []


def test_a_grid_that_is_drawn_again_keeps_what_is_shown_in_which_order(
    results: Callable[..., Page], stack: Stack, batch: Any
) -> None:
    page = results()
    page.get_by_role("link", name="Sort by importance").click()
    expect(page.locator("#batch-grid")).to_have_attribute("data-order", "importance")
    choose(page, "Suspicious")
    # nothing under the pointer, which would hold the tiles where they are
    page.mouse.move(0, 0)
    with stack.orm():
        add(batch, "new.jpg", 0.99)
    expect(shot(page, "new.jpg")).to_be_visible(timeout=10_000)
    assert names(page)[0] == "new.jpg"
    assert len(names(page)) == SUSPICIOUS + 1
    shot(page, "new.jpg").click()
    page.wait_for_url("**/diagnoses/**")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Batch").click()
    expect(chosen(page, "Suspicious")).to_have_attribute("aria-current", "true")
    expect(page.locator("#batch-grid")).to_have_attribute("data-order", "importance")
    expect(shot(page, "new.jpg")).to_be_in_viewport()


@pytest.mark.parametrize("width", [390, 1440])
def test_from_one_picture_of_the_batch_to_the_next_and_back(
    results: Callable[..., Page], width: int
) -> None:
    page = results(width)
    choose(page, "Suspicious")
    page.get_by_role("link", name="Sort by importance").click()
    # by name, 9 stands below 8; by importance above it
    shot(page, "9.jpg").click()
    page.get_by_label("Conclusion").select_option("melanoma")
    page.get_by_role("radio", name="Excise").check(force=True)
    page.get_by_role("button", name="Sign", exact=True).click()
    expect(page.get_by_text("The review is signed.")).to_be_visible()
    assert violations(page, ALL) == []
    page.keyboard.press("r")
    page.wait_for_url("**/diagnoses/*/?batch=*&show=suspicious&sort=importance")
    page.get_by_role("navigation", name="Breadcrumb").get_by_role("link", name="Batch").click()
    expect(chosen(page, "Suspicious")).to_have_attribute("aria-current", "true")
    expect(shot(page, "8.jpg")).to_be_in_viewport()


def test_another_file_comes_in_place_of_the_refused_one(
    results: Callable[..., Page], tmp_path: Path
) -> None:
    photograph = tmp_path / "whole.jpg"
    photograph.write_bytes(photographs(1)[0])
    page = results()
    choose(page, "Not answered")
    refused = page.locator(".shot", has_text="half.jpg")
    refused.get_by_role("link", name="Send another file").click()
    expect(page.get_by_text("In place of half.jpg, which was refused.")).to_be_visible()
    assert violations(page, ALL) == []
    page.locator("#id_files").set_input_files(photograph)
    page.get_by_role("button", name="Send and read").click()
    page.wait_for_url("**/batches/*-*/")
    expect(shot(page, photograph.name)).to_be_visible()
    expect(page.get_by_text("half.jpg")).to_have_count(0)
