"""Every string is marked, and every language of locale/ is complete: docs/translation.md."""

import gettext
import re
from pathlib import Path

import polib
import pytest
from django.conf import settings

from tests.support.messages import Message, marked_messages, messages_of, templates
from tests.support.stack import ROOT
from tests.support.visible import unmarked

CATALOGUES = sorted((ROOT / "locale").glob("*/LC_MESSAGES/django.po"))
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%%|{\w+}|</?\w+>")
# names, units and formats are the same in every language
SAME = {"Nevus", "CSV", "PDF", "SHA", "MB", "mm"}


@pytest.fixture(params=CATALOGUES, ids=lambda path: path.parts[-3])
def catalogue(request: pytest.FixtureRequest) -> polib.POFile:
    return polib.pofile(str(request.param))


def key_of(entry: polib.POEntry) -> Message:
    return entry.msgctxt, entry.msgid, entry.msgid_plural or None


def texts_of(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def test_every_language_but_english_has_a_catalogue() -> None:
    languages = {code for code, _name in settings.LANGUAGES}
    assert {path.parts[-3] for path in CATALOGUES} == languages - {settings.LANGUAGE_CODE}


def test_nothing_is_left_untranslated(catalogue: polib.POFile) -> None:
    bad = [entry.msgid for entry in catalogue if entry.fuzzy or not all(texts_of(entry))]
    assert not bad
    assert not catalogue.obsolete_entries()


def test_a_catalogue_holds_what_the_source_marks_and_nothing_else(
    catalogue: polib.POFile,
) -> None:
    listed, marked = {key_of(entry) for entry in catalogue}, marked_messages()
    assert marked - listed == set(), "run `make messages` and translate what is new"
    assert listed - marked == set(), "run `make messages`"


def test_placeholders_agree(catalogue: polib.POFile) -> None:
    for entry in catalogue:
        for text in texts_of(entry):
            found = sorted(PLACEHOLDER.findall(text))
            assert found == sorted(PLACEHOLDER.findall(entry.msgid)), (entry.msgid, text)


def test_the_compiled_catalogue_is_that_of_the_source(catalogue: polib.POFile) -> None:
    with Path(catalogue.fpath).with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    plurals = {entry.msgid for entry in catalogue if entry.msgid_plural}
    expected: dict[object, str] = {}
    for entry in catalogue:
        key = f"{entry.msgctxt}\4{entry.msgid}" if entry.msgctxt else entry.msgid
        forms = entry.msgstr_plural
        expected |= {(key, n): text for n, text in forms.items()} if forms else {key: entry.msgstr}
    assert plurals
    assert {key: text for key, text in compiled._catalog.items() if key} == expected, (
        "run `make messages`"
    )


@pytest.mark.parametrize("path", templates(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_template_marks_its_words(path: Path) -> None:
    words = re.compile(rf"\b(?:{'|'.join(SAME)})\b")
    left = [text for text in unmarked(path.read_text()) if unmarked(words.sub("", text))]
    assert not left


def test_an_unmarked_word_is_found() -> None:
    template = '<p title="Good day">{% translate "Marked" %} {{ value }}</p><td>h</td><b>Plain</b>'
    assert unmarked(template) == ["Good day", "Plain"]


def test_messages_are_found_in_python() -> None:
    source = '_("a" "b")\nngettext("one", "many", n)\npgettext_lazy("where", "word")\nother("x")'
    assert list(messages_of(source)) == [
        (None, "ab", None),
        (None, "one", "many"),
        ("where", "word", None),
    ]
