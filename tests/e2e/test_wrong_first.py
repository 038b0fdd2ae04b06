"""On a phone, a form that comes back with errors leads to the first of them; one sent twice
is recorded once."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.e2e.pages import sign_in
from tests.e2e.records import INVITATION
from tests.support.browser import open_page
from tests.support.pictures import photographs

pytestmark = pytest.mark.timeout(300)
PHONE = {"width": 390, "height": 844}
DAMAGED = {"name": "lesion.jpg", "mimeType": "image/jpeg", "buffer": b"this is no picture"}


def sign_in_by_phone(page: Page, url: str) -> None:
    page.set_viewport_size(PHONE)
    sign_in(page, url)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).focus()
    page.keyboard.press("Enter")


def test_back_leads_to_a_form_that_was_refused_without_sending_it_again(
    page: Page, clinic: str, records: dict[str, Any]
) -> None:
    sign_in(page, clinic)
    page.goto(f"{clinic}/diagnoses/{records['succeeded'].pk}/")
    page.get_by_label("Notes").fill("irregular border")
    press(page, "Sign")
    expect(page.get_by_text("Choose what you conclude.")).to_be_visible()

    # what was refused is not saved: leaving it is asked about
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.get_by_role("link", name="Patients", exact=True).click()
    expect(page.get_by_role("heading", name="Patients", exact=True)).to_be_visible()
    assert asked == ["beforeunload"]
    page.go_back()
    expect(page.get_by_label("Conclusion")).to_be_visible()
    expect(page.get_by_text("Choose what you conclude.")).to_have_count(0)


def test_a_review_without_a_management_leads_to_it(
    page: Page, clinic: str, records: dict[str, Any]
) -> None:
    sign_in_by_phone(page, clinic)
    page.goto(f"{clinic}/diagnoses/{records['succeeded'].pk}/")
    # the bar at the bottom leads to the form; there it holds the buttons
    page.get_by_role("link", name="Review", exact=True).click()
    page.get_by_label("Conclusion").select_option("nevus")
    press(page, "Sign")

    wrong = page.get_by_text("Choose what is to be done.")
    expect(wrong).to_be_in_viewport()
    expect(page.get_by_role("radio", name="No action")).to_be_focused()
    described = page.get_by_role("group", name="Management").get_attribute("aria-describedby")
    assert described == wrong.locator("..").get_attribute("id")
    page.keyboard.press("Space")
    press(page, "Sign")
    expect(page.get_by_role("heading", name="Signed conclusion")).to_be_visible()


def test_a_damaged_picture_leads_to_the_file(page: Page, clinic: str) -> None:
    sign_in_by_phone(page, clinic)
    page.goto(f"{clinic}/diagnoses/new/")
    page.get_by_label("Medical record number").fill("WRONG-1")
    page.get_by_role("radio", name="Female").check()
    page.locator("#id_file").set_input_files(DAMAGED)
    press(page, "Read")

    file = page.locator("#id_file")
    expect(file).to_be_focused()
    expect(file).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#id_file_error")).to_be_in_viewport()
    assert "id_file_error" in (file.get_attribute("aria-describedby") or "")

    page.locator("#id_file").set_input_files({**DAMAGED, "buffer": photographs(1)[0]})
    expect(page.locator("#id_file_error")).to_have_count(0)
    page.locator("#id_file").set_input_files(DAMAGED)

    # of two errors the first has the focus, above what was looked at
    page.get_by_label("Medical record number").fill("")
    press(page, "Read")
    expect(page.get_by_label("Medical record number")).to_be_focused()
    expect(page.get_by_label("Medical record number")).to_be_in_viewport()


def test_a_password_is_refused_at_its_field(page: Page, clinic: str) -> None:
    page.set_viewport_size(PHONE)
    page.goto(f"{clinic}/invitations/{INVITATION}/")
    fields = {"User name": "new.doctor", "Given name": "New", "Family name": "Doctor"}
    for label, text in (fields | {"Password": "short", "Password again": "short"}).items():
        page.get_by_label(label, exact=True).fill(text)
    press(page, "Make my account")

    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    expect(page.locator("#id_password_error")).to_contain_text("too short")
    expect(page.locator("#id_password_error")).to_be_in_viewport()


def test_without_scripts_the_page_opens_at_the_first_wrong_field(
    browser: Browser, clinic: str
) -> None:
    with open_page(browser, java_script_enabled=False) as page:
        sign_in_by_phone(page, clinic)
        page.goto(f"{clinic}/patients/new/")
        page.get_by_label("Given name").fill("Nameless")
        press(page, "Record patient")

        expect(page.get_by_label("Medical record number")).to_be_focused()
        assert page.locator("[autofocus]").count() == 1


def test_a_double_click_records_one_lesion(
    page: Page, clinic: str, records: dict[str, Any]
) -> None:
    sign_in(page, clinic)
    patient = f"{clinic}/patients/{records['crowded'].pk}/"
    page.goto(patient)
    before = page.locator(".card").count()
    page.goto(f"{patient}lesions/new/")
    page.get_by_label("Label").fill("Twice")
    page.get_by_role("button", name="Record lesion").dblclick()
    expect(page.get_by_text("The lesion is recorded.")).to_be_visible()
    page.goto(patient)
    expect(page.locator(".card")).to_have_count(before + 1)

    # and the form is alive when somebody comes back to it
    page.go_back()
    page.go_back()
    page.get_by_role("button", name="Record lesion").click()
    expect(page.get_by_text("The lesion is recorded.")).to_be_visible()


def test_who_goes_back_finds_nothing_left_of_the_patient_before(
    page: Page, clinic: str, tmp_path: Path
) -> None:
    sign_in(page, clinic)
    page.goto(f"{clinic}/diagnoses/new/")
    # of a file of the disk alone is kept which it was
    (tmp_path / "kept.jpg").write_bytes(photographs(1)[0])
    page.get_by_label("Medical record number").fill("BACK-1")
    page.get_by_label("Birth date").fill("1961-04-30")
    page.get_by_role("radio", name="Female").check()
    page.locator("#id_file").set_input_files(tmp_path / "kept.jpg")
    press(page, "Read")
    page.wait_for_url("**/diagnoses/*-*/")
    page.go_back()

    expect(page.get_by_label("Medical record number")).to_have_value("")
    expect(page.get_by_label("Birth date")).to_have_value("")
    expect(page.get_by_role("radio", name="Unknown")).to_be_checked()
    assert page.locator("#id_file").evaluate("field => field.files.length") == 0

    # a number that is known is shown before anything is sent for it
    page.get_by_label("Medical record number").fill("BACK-1")
    page.get_by_label("Medical record number").press("Enter")
    expect(page.get_by_text("Known: BACK-1")).to_be_visible()
    expect(page.get_by_label("Which lesion")).to_be_visible()
    assert page.url.endswith("/diagnoses/new/")


def test_a_search_is_found_again_on_the_way_back(
    page: Page, clinic: str, records: dict[str, Any]
) -> None:
    sign_in(page, clinic)
    page.goto(f"{clinic}/patients/")
    number = records["crowded"].medical_record_number
    page.get_by_role("main").get_by_role("searchbox").fill(number)
    page.get_by_role("main").get_by_role("searchbox").press("Enter")
    rows = page.locator("main tbody tr")
    expect(rows).to_have_count(1)
    page.locator("main .row-link").click()
    page.wait_for_url("**/patients/*-*/")
    for go in (page.go_back, page.reload):
        go()
        expect(page.get_by_role("main").get_by_role("searchbox")).to_have_value(number)
        expect(rows).to_have_count(1)
    assert number not in page.url
    # one step before it, nobody is sent forward again
    page.go_back()
    expect(page.get_by_role("heading", name="Patients", exact=True)).to_be_visible()
    expect(page.get_by_role("main").get_by_role("searchbox")).to_have_value("")


@pytest.mark.parametrize("address", ["/diagnoses/new/", "/batches/new/"])
def test_what_is_entered_while_the_patient_is_looked_for_stays(
    page: Page, clinic: str, address: str
) -> None:
    sign_in_by_phone(page, clinic)
    page.goto(clinic + address)
    held: list[Route] = []
    page.route("**/patient/", lambda route: held.append(route))
    number = page.get_by_label("Medical record number")
    number.fill("SLOW-1")
    with page.expect_request("**/patient/"):
        number.press("Tab")
    page.get_by_role("radio", name="Female").check()
    page.get_by_label("Family name").fill("Quill")

    with page.expect_response("**/patient/"):
        held[0].continue_()

    expect(page.get_by_text("No patient has the number SLOW-1")).to_be_visible()
    expect(page.get_by_role("radio", name="Female")).to_be_checked()
    expect(page.get_by_label("Family name")).to_have_value("Quill")
