"""Every page, in every state, on a phone and on a wide screen, light and dark: axe-core finds no
violation of WCAG 2.2 AA or of its best practices, and nothing scrolls sideways."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from django.test import RequestFactory
from playwright.sync_api import Browser, Page, expect

from clinic.views.errors import server_error
from tests.e2e.pages import sign_in
from tests.e2e.records import INVITATION
from tests.support.axe import ALL, COLOURS, violations
from tests.support.browser import ARGUMENTS, find_program, open_page

pytestmark = pytest.mark.timeout(300)

SCREENS = [
    (390, "light", ALL),
    (390, "dark", COLOURS),
    (1440, "dark", ALL),
    (1440, "light", COLOURS),
]
Act = Callable[[Page], Any]


def nothing(page: Page) -> None:
    """The page as it comes."""


def press(name: str) -> Act:
    return lambda page: page.get_by_role("main").get_by_role("button", name=name).first.click()


def open_keys(page: Page) -> None:
    page.keyboard.press("?")


def search_nobody(page: Page) -> None:
    page.get_by_role("main").get_by_role("searchbox").fill("nobody")
    press("Find")(page)


def compare_by_slider(page: Page) -> None:
    page.get_by_role("radio", name="Slider").check()


def fail(page: Page) -> None:
    """The page of a server error, which no address gives on purpose."""
    body = server_error(RequestFactory().get("/")).content
    page.route("**/", lambda route: route.fulfill(status=500, body=body, content_type="text/html"))
    page.goto(page.url)
    page.unroute("**/")


# who looks, what is looked at ({name} is the key of that record), and what is done there before
PAGES: dict[str, tuple[str, str, Act]] = {
    "sign-in": ("", "/sign-in/", nothing),
    "sign-in, wrong": ("", "/sign-in/", press("Sign in")),
    "invitation": ("", f"/invitations/{INVITATION}/", nothing),
    "invitation, wrong": ("", f"/invitations/{INVITATION}/", press("Make my account")),
    "too large": ("", "/problems/too-large/", nothing),
    "server error": ("", "/", fail),
    "not found": ("doctor", "/nowhere/", nothing),
    "not allowed": ("doctor", "/administration/staff/", nothing),
    "worklist": ("doctor", "/", nothing),
    "worklist, signed": ("doctor", "/?review=signed", nothing),
    "worklist, nothing": ("doctor", "/?label=vascular_lesion", nothing),
    "keys": ("doctor", "/", open_keys),
    "patients": ("doctor", "/patients/", nothing),
    "patients, nobody": ("doctor", "/patients/", search_nobody),
    "patient": ("doctor", "/patients/{patient}/", nothing),
    "patient, crowded": ("doctor", "/patients/{crowded}/", nothing),
    "patient, new": ("doctor", "/patients/new/", nothing),
    "patient, wrong": ("doctor", "/patients/new/", press("Record patient")),
    "patient, correct": ("doctor", "/patients/{patient}/edit/", nothing),
    "lesion": ("doctor", "/lesions/{lesion}/", nothing),
    "lesion, slider": ("doctor", "/lesions/{lesion}/", compare_by_slider),
    "lesion, bare": ("doctor", "/lesions/{bare}/", nothing),
    "lesion, new": ("doctor", "/patients/{patient}/lesions/new/", nothing),
    "lesion, describe": ("doctor", "/lesions/{lesion}/edit/", nothing),
    "histopathology": ("doctor", "/lesions/{lesion}/histopathology/", nothing),
    "histopathology, long name": ("doctor", "/lesions/{named}/histopathology/", nothing),
    "new diagnosis": ("doctor", "/diagnoses/new/", nothing),
    "new diagnosis, known": ("doctor", "/diagnoses/new/?lesion={lesion}", nothing),
    "new diagnosis, wrong": ("doctor", "/diagnoses/new/", press("Read")),
    "queued": ("doctor", "/diagnoses/{queued}/", nothing),
    "running": ("doctor", "/diagnoses/{running}/", nothing),
    "succeeded": ("doctor", "/diagnoses/{succeeded}/", nothing),
    "review, wrong": ("doctor", "/diagnoses/{succeeded}/", press("Sign")),
    "failed": ("doctor", "/diagnoses/{failed}/", nothing),
    "rejected": ("doctor", "/diagnoses/{rejected}/", nothing),
    "cancelled": ("doctor", "/diagnoses/{cancelled}/", nothing),
    "signed": ("doctor", "/diagnoses/{signed}/", nothing),
    "every warning": ("doctor", "/diagnoses/{warned}/", nothing),
    "recalls": ("doctor", "/recalls/", nothing),
    "report": ("doctor", "/reports/hospital/", nothing),
    "report, wrong": ("doctor", "/reports/hospital/?from=2026-02-01&to=2026-01-01", nothing),
    "models": ("doctor", "/models/", nothing),
    "model": ("administrator", "/models/{model}/", nothing),
    "account": ("doctor", "/account/", nothing),
    "account, wrong": ("doctor", "/account/", press("Create token")),
    "password": ("doctor", "/account/password/", nothing),
    "staff": ("administrator", "/administration/staff/", nothing),
    "staff, wrong": ("administrator", "/administration/staff/", press("Create invitation")),
    "settings": ("administrator", "/administration/settings/", nothing),
    "audit log": ("administrator", "/administration/audit/", nothing),
    "empty worklist": ("newcomer", "/", nothing),
    "empty patients": ("newcomer", "/patients/", nothing),
    "empty recalls": ("newcomer", "/recalls/", nothing),
    "empty report": ("newcomer", "/reports/hospital/", nothing),
}


@pytest.fixture(scope="module")
def visit(clinic: str, records: dict[str, Any], browser: Browser) -> Iterator[Callable]:
    """Opens the address as somebody, who signs in once."""
    pages: dict[str, Page] = {}
    with ExitStack() as endings:

        def opened(who: str, address: str) -> Page:
            if who not in pages:
                pages[who] = endings.enter_context(open_page(browser))
                if who:
                    sign_in(pages[who], clinic, who)
            keys = {name: record.pk for name, record in records.items()}
            keys["succeeded_image"] = records["succeeded"].image_id
            pages[who].goto(clinic + address.format(**keys))
            return pages[who]

        yield opened


def too_wide(page: Page, width: int) -> str:
    """Names what reaches beyond a window of that width, where the page scrolls sideways."""
    page.set_viewport_size({"width": width, "height": 900})
    return page.evaluate(
        """() => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? ""
          : [...document.querySelectorAll("main *, header *")]
            .filter((part) => part.getBoundingClientRect().right > innerWidth + 1)
            .map((part) => part.outerHTML.slice(0, 120)).slice(-3).join("\\n")"""
    )


def unfold(page: Page) -> None:
    page.evaluate("for (const part of document.querySelectorAll('details')) part.open = true")


def uncover(page: Page) -> None:
    """The buttons that stay in the window lie over whatever is below them; at the end of their form
    they lie over nothing."""
    page.evaluate("document.querySelector('[data-review]')?.scrollIntoView({block: 'end'})")


@pytest.mark.parametrize("name", PAGES)
def test_no_page_breaks_a_rule_of_axe(visit: Callable, name: str) -> None:
    who, address, act = PAGES[name]
    page = visit(who, address)
    act(page)
    page.wait_for_load_state()
    unfold(page)
    found = {}
    for width, theme, rules in SCREENS:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=theme)
        uncover(page)
        found |= dict.fromkeys(violations(page, rules), (width, theme))
    # 320 px are 1280 px enlarged to 400%
    for width in (320, 390, 820, 1440):
        if wide := too_wide(page, width):
            found[f"scrolls sideways:\n    {wide}"] = (width, "light")
    assert not found, "\n".join(f"{where}: {line}" for line, where in found.items())


@pytest.mark.parametrize(
    "address", ["/diagnoses/{signed}/", "/lesions/{lesion}/", "/patients/{patient}/"]
)
def test_paper_is_white_and_shows_the_whole_picture(visit: Callable, address: str) -> None:
    page = visit("doctor", address)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    words = "getComputedStyle(document.documentElement).getPropertyValue('--text')"
    assert page.evaluate(words).strip() == "#15191d"
    assert page.get_by_role("main").get_by_role("button").all_inner_texts() == []
    inside = """() => [...document.querySelectorAll(".stage img")].every((picture) => {
      const inner = picture.getBoundingClientRect();
      const outer = picture.parentElement.getBoundingClientRect();
      return inner.width <= outer.width + 1 && inner.left >= outer.left - 1;
    })"""
    assert page.evaluate(inside)
    page.emulate_media(media="screen")


# Layout, measured where it was once wrong ---------------------------------------------------------

BOX = "part => { const box = part.getBoundingClientRect(); return [box.top, box.bottom]; }"


@pytest.mark.parametrize("address", ["/patients/{patient}/", "/diagnoses/{signed}/"])
def test_on_a_phone_the_bar_at_the_bottom_covers_nothing_for_good(
    visit: Callable, address: str
) -> None:
    page = visit("doctor", address)
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    last = page.locator(".site-footer button").evaluate(BOX)
    bar = page.locator(".page-header .actions").evaluate(BOX)
    assert last[1] <= bar[0]


def test_on_a_phone_one_bar_lies_at_the_bottom_while_a_review_is_amended(visit: Callable) -> None:
    page = visit("doctor", "/diagnoses/{signed}/")
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_text("Amend the review").click()
    assert page.evaluate(FIXED) == ["review-bar"]
    new = page.get_by_role("link", name="New picture of this lesion")
    assert new.count() == 1
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    bar = page.locator(".review-bar").evaluate(BOX)
    assert new.evaluate(BOX)[1] <= bar[0]
    assert page.locator(".site-footer button").evaluate(BOX)[1] <= bar[0]

    page.get_by_text("Amend the review").click()
    assert page.evaluate(FIXED) == ["actions"]


def test_the_way_down_to_the_review_is_no_step_that_back_goes(visit: Callable) -> None:
    page = visit("doctor", "/diagnoses/{succeeded}/")
    page.set_viewport_size({"width": 390, "height": 844})
    steps, address = page.evaluate("history.length"), page.url
    page.get_by_role("link", name="Review", exact=True).click()
    expect(page.locator("#review")).to_be_focused()
    expect(page.get_by_label("Conclusion")).to_be_in_viewport()
    assert (page.evaluate("history.length"), page.url) == (steps, address)


@pytest.mark.parametrize(
    "address",
    ["/", "/?review=all", "/?review=signed", "/patients/", "/recalls/", "/reports/hospital/"],
)
def test_lists_keep_within_a_tablet_that_lies(visit: Callable, address: str) -> None:
    page = visit("doctor", address)
    for width in (880, 993, 1024, 1180, 1281):
        assert too_wide(page, width) == "", width


FIXED = """() => [...document.querySelectorAll("main *")]
  .filter((part) => getComputedStyle(part).position === "fixed" && part.checkVisibility())
  .map((part) => [...part.classList].filter((name) => name !== "away").at(-1))"""


def test_a_question_in_a_row_leaves_the_columns_and_the_role_where_they_are(
    visit: Callable,
) -> None:
    page = visit("administrator", "/administration/staff/")
    places = """() => [...document.querySelectorAll("#people + table :is(thead th, .chip)")]
      .map((part) => part.getBoundingClientRect())
      .map((box) => [box.x, box.width].map(Math.round))"""
    for width in (1000, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(page.url)
        before = page.evaluate(places)
        unfold(page)
        assert page.evaluate(places) == before, width
        chip = page.locator(".roles .chip").first.evaluate(BOX)
        button = page.locator(".roles summary").first.evaluate(BOX)
        assert button[0] <= chip[0], width
        assert chip[1] <= button[1], width


def test_the_versions_of_the_settings_fit_without_scrolling(visit: Callable) -> None:
    page = visit("administrator", "/administration/settings/")
    table = page.get_by_role("table")
    for width in (320, 390, 820, 900, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(SIDEWAYS) == [], width
        box = table.bounding_box()
        assert box
        assert box["x"] + box["width"] <= width


def test_fields_beside_each_other_stand_in_one_line_however_a_label_wraps(visit: Callable) -> None:
    page = visit("administrator", "/administration/settings/")
    names = ("Monitor from", "Dermatologist from", "Urgent from")
    for name, value in zip(names, ("90", "20", "50"), strict=True):
        page.get_by_label(name).fill(value)
    press("Save")(page)
    for width in (820, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert len({page.get_by_label(name).evaluate(BOX)[0] for name in names}) == 1, width


def test_on_a_phone_the_worklist_has_a_short_name_in_the_menu(visit: Callable) -> None:
    page = visit("doctor", "/")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.locator(".site-header nav .short-name").first.inner_text() == "Worklist"
    assert not page.locator(".site-header nav .long-name").first.is_visible()


@pytest.mark.parametrize("width", [320, 820, 1440])
def test_a_long_word_in_a_question_stays_in_its_panel(visit: Callable, width: int) -> None:
    page = visit("administrator", "/administration/staff/")
    unfold(page)
    question = page.locator(".ask-again p").first
    question.evaluate("part => { part.textContent = 'x'.repeat(150); }")
    assert too_wide(page, width) == ""
    assert question.evaluate("part => part.scrollWidth <= part.parentElement.clientWidth")


LONG = "Wolfeschlegelsteinhausenbergerdorff"
LISTS = ("/?review=all", "/?state=failed", "/patients/", "/recalls/", "/reports/hospital/")
# every word that stands in two lines
BROKEN = """() => {
  const range = document.createRange(), found = [];
  for (const cell of document.querySelectorAll(".rows :is(td, th)")) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (texts.nextNode())
      for (const word of texts.currentNode.data.matchAll(/[^\\s/-]+/g)) {
        range.setStart(texts.currentNode, word.index);
        range.setEnd(texts.currentNode, word.index + word[0].length);
        const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
        if (lines.size > 1) found.push(word[0]);
      }
  }
  return [...new Set(found)];
}"""
CALL = """([index, name]) => {
  const names = document.querySelectorAll("main tbody th .row-link");
  if (names.length) names[index % names.length].textContent = name;
}"""


@pytest.mark.parametrize("address", LISTS)
def test_a_long_name_widens_no_list_and_breaks_no_other_word(visit: Callable, address: str) -> None:
    page = visit("doctor", address)
    page.evaluate(CALL, [0, "W" * 100])
    page.evaluate(CALL, [1, f"Ada {LONG}"])
    for width in (390, 820, 1440):
        assert too_wide(page, width) == "", width
        # where there is room for a surname of its length, it stands whole
        roomy = width == 1440 and address in ("/patients/", "/recalls/")
        broken = {"W" * 100} if roomy else {"W" * 100, LONG}
        assert set(page.evaluate(BROKEN)) <= broken, width


SIDEWAYS = """() => [...document.querySelectorAll("main .scroll, svg.columns, .curve svg")]
  .filter((part) => part.scrollWidth > part.clientWidth + 1 ||
    part.getBoundingClientRect().right > innerWidth)
  .map((part) => part.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize(
    ("who", "address"),
    [("doctor", "/reports/hospital/"), ("administrator", "/models/{model}/")],
)
def test_on_a_phone_charts_and_their_tables_fit_without_scrolling(
    visit: Callable, who: str, address: str
) -> None:
    page = visit(who, address)
    unfold(page)
    for width in (320, 390, 820, 1180, 1440):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate(SIDEWAYS) == [], width
    page.set_viewport_size({"width": 390, "height": 844})
    sizes = page.locator("svg text").evaluate_all(
        "words => words.filter((word) => word.getClientRects().length).map((word) =>"
        " parseFloat(getComputedStyle(word).fontSize) * word.getScreenCTM().a)"
    )
    assert sizes
    assert min(abs(size) for size in sizes if size) >= 10


def test_on_the_narrowest_phone_two_risks_beside_each_other_are_whole(visit: Callable) -> None:
    page = visit("doctor", "/lesions/{lesion}/?earlier={succeeded_image}&later={succeeded_image}")
    page.set_viewport_size({"width": 320, "height": 640})
    badges = page.locator(".compare-pair .risk")
    assert badges.count() == 2
    boxes = [box for badge in badges.all() if (box := badge.bounding_box())]
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"]
    assert boxes[1]["x"] + boxes[1]["width"] <= 320


def test_letters_of_double_size_get_the_room_of_a_smaller_window(
    clinic: str, records: dict[str, Any], browser: Browser
) -> None:
    larger = [*ARGUMENTS, "--blink-settings=defaultFontSize=32"]
    enlarged = browser.browser_type.launch(executable_path=find_program(), args=larger)
    with closing(enlarged), open_page(enlarged) as page:
        sign_in(page, clinic)
        for address in ("/", "/diagnoses/new/", f"/models/{records['model'].pk}/", "/recalls/"):
            page.goto(clinic + address)
            assert page.evaluate("getComputedStyle(document.body).fontSize") == "32px"
            for width in (820, 1440):
                assert not too_wide(page, width), (address, width)
                assert page.evaluate(CUT) == [], (address, width)


OVER = """() => [...document.querySelectorAll(".dot text")].filter((word) => {
  const box = word.getBoundingClientRect();
  const seen = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return seen.closest("a") !== word.closest("a");
}).map((word) => word.textContent)"""


def test_lesions_in_one_place_are_told_apart_by_eye_key_and_finger(
    clinic: str, records: dict[str, Any], browser: Browser
) -> None:
    address = f"{clinic}/patients/{records['crowded'].pk}/"
    with open_page(browser, has_touch=True) as page:
        sign_in(page, clinic)
        for width in (390, 820, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(address)
            page.locator("svg.figure[data-view=back]").scroll_into_view_if_needed()
            assert page.evaluate(OVER) == [], width
        dots = page.locator("svg.figure[data-view=back] a.dot")
        names = [dot.get_attribute("aria-label") for dot in dots.all()]
        assert len(set(names)) == len(names) == 3

        # a finger between two
        boxes = [box for dot in dots.all()[:2] if (box := dot.locator("g").bounding_box())]
        across, down = (
            sum(box[side] + box[size] / 2 for box in boxes) / 2
            for side, size in (("x", "width"), ("y", "height"))
        )
        page.touchscreen.tap(across, down)
        choices = page.get_by_role("dialog").get_by_role("link")
        assert set(choices.all_inner_texts()) >= set(names[:2])
        ends = [choice.evaluate(BOX) for choice in choices.all()]
        assert all(bottom - top >= 44 for top, bottom in ends)
        page.keyboard.press("Escape")

        dots.nth(1).focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/lesions/*/")


MARKED = "() => ['body_x', 'body_y'].map((name) => +document.querySelector(`[name=${name}]`).value)"


def test_a_new_lesion_is_placed_among_those_that_the_patient_has(
    visit: Callable, records: dict[str, Any]
) -> None:
    page = visit("doctor", "/diagnoses/new/")
    page.set_viewport_size({"width": 390, "height": 844})
    back = page.locator("svg.figure[data-view=back]")
    numbers = back.locator(".standing text")
    expect(numbers).to_have_count(0)
    back.click(position={"x": 60, "y": 90})
    chosen = page.evaluate(MARKED)
    page.get_by_label("Medical record number").fill(records["crowded"].medical_record_number)
    page.get_by_label("Medical record number").press("Enter")
    expect(numbers).to_have_text(["1", "2", "3"])
    expect(numbers.first).to_be_visible()
    # what was chosen stays, and lies over them
    assert page.evaluate(MARKED) == chosen
    expect(back.locator(".standing + .mark")).to_be_visible()

    # a tap on a number means the place below it
    for address in ("/diagnoses/new/?patient={crowded}", "/patients/{crowded}/lesions/new/"):
        page = visit("doctor", address)
        assert page.get_by_text("3 recorded lesions of this patient are shown").count() == 1
        assert back.get_by_role("link").count() == 0
        box = numbers.nth(1).bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        across, down = page.evaluate(MARKED)
        assert abs(across - 0.5) < 0.2
        assert abs(down - 0.3) < 0.1
        assert page.url.endswith(address.format(crowded=records["crowded"].pk))
    # nobody is left of whom another number is
    page = visit("doctor", "/diagnoses/new/?patient={crowded}")
    page.get_by_label("Medical record number").fill("MRN-OF-NOBODY")
    page.get_by_label("Medical record number").press("Enter")
    expect(numbers).to_have_count(0)


def test_on_a_wide_screen_a_new_diagnosis_has_a_figure_to_point_at(visit: Callable) -> None:
    page = visit("doctor", "/diagnoses/new/")
    page.set_viewport_size({"width": 1440, "height": 900})
    top, bottom = page.locator("svg.figure[data-view=front]").evaluate(BOX)
    assert bottom - top >= 320
    # and all of it without scrolling
    assert page.get_by_role("button", name="Read", exact=True).evaluate(BOX)[1] <= 900
    assert not page.get_by_text("Take a photograph").is_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.get_by_text("Take a photograph").is_visible()


def test_a_question_in_the_head_of_a_page_moves_nothing(visit: Callable) -> None:
    page = visit("administrator", "/models/{model}/")
    places = """() => [...document.querySelectorAll("h1, .page-header summary, main h2")]
      .map((part) => Math.round(part.getBoundingClientRect().top))"""
    for width in (1440, 1000):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(page.url)
        before = page.evaluate(places)
        page.locator(".page-header .ask-again summary").first.click()
        really = page.locator(".page-header .ask-again[open] button")
        assert page.evaluate(places) == before, width
        box = really.bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        over = "part => part.contains(document.elementFromPoint(...(({x, y, width, height}) => "
        over += "[x + width / 2, y + height / 2])(part.getBoundingClientRect())))"
        assert really.evaluate(over), width


def test_on_a_phone_a_link_back_is_as_high_as_a_finger(visit: Callable) -> None:
    page = visit("doctor", "/diagnoses/{signed}/")
    page.set_viewport_size({"width": 390, "height": 844})
    boxes = [link.evaluate(BOX) for link in page.locator(".breadcrumb a").all()]
    assert boxes
    assert all(bottom - top >= 44 for top, bottom in boxes)
    # in one line
    assert len({round(top) for top, _ in boxes}) == 1


def test_paper_holds_what_can_be_read_and_nothing_to_press(visit: Callable) -> None:
    page = visit("doctor", "/lesions/{lesion}/")
    page.emulate_media(media="print")
    assert page.locator(".compare-pair img").count() == 2
    for part in (".compare-tools", ".viewer .original", "details.size"):
        assert not any(found.is_visible() for found in page.locator(part).all()), part
    # a link that would read as a statement
    assert not page.get_by_text("was entered in error").first.is_visible()
    # 64 mm of 96 pixels an inch: no tall empty stage around a wide picture
    top, bottom = page.locator(".compare-pair .stage").first.evaluate(BOX)
    assert bottom - top <= 64 / 25.4 * 96 + 1
    page.emulate_media(media="screen")


FOOT = """() => {
  const foot = getComputedStyle(document.querySelector(".paper-foot"));
  return [foot.display, document.querySelector(".paper-foot").innerText];
}"""


@pytest.mark.parametrize("address", ["/patients/{patient}/", "/lesions/{lesion}/"])
def test_every_sheet_of_paper_says_whose_it_is(visit: Callable, address: str) -> None:
    page = visit("doctor", address)
    assert not page.locator(".paper-foot").is_visible()
    page.emulate_media(media="print")
    # a browser repeats the foot of a table on every sheet
    display, words = page.evaluate(FOOT)
    assert display == "table-footer-group"
    assert "MRN-1" in words
    page.emulate_media(media="screen")


def test_paper_says_what_was_chosen_and_offers_no_other(visit: Callable) -> None:
    page = visit("doctor", "/recalls/?overdue=on")
    page.emulate_media(media="print")
    assert page.locator(".tallies").inner_text().strip() == "Overdue"
    page = visit("administrator", "/administration/settings/")
    page.emulate_media(media="print")
    assert page.get_by_label("Alarm after (hours)").is_visible()
    assert not page.get_by_role("button", name="Save").is_visible()
    page = visit("administrator", "/models/{model}/")
    page.emulate_media(media="print")
    shade = "getComputedStyle(document.querySelector('.matrix td')).printColorAdjust"
    assert page.locator(".matrix").count() == 0 or page.evaluate(shade) == "exact"
    for who in ("doctor", "administrator"):
        visit(who, "/").emulate_media(media="screen")


CUT = """() => [...document.querySelectorAll(".tile span, button, .button, .card .body")]
  .filter((part) => part.offsetParent && part.scrollWidth > part.clientWidth + 1)
  .map((part) => part.textContent.trim())"""


@pytest.mark.parametrize("address", ["/diagnoses/new/", "/batches/new/", "/patients/{patient}/"])
def test_nothing_cuts_its_words_in_the_longer_language(visit: Callable, address: str) -> None:
    page = visit("doctor", address)
    spanish = {"name": "nevus_language", "value": "es", "url": page.url}
    page.context.add_cookies([spanish])
    page.reload()
    assert page.locator("html").get_attribute("lang") == "es"
    for width in (390, 820, 1024, 1280, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(CUT) == [], width
    page.context.clear_cookies(name="nevus_language")
