"""The rows of the hospital report as tables: for programs, with names that never change, and for
people, with headings and words of their language. One query each, streamed in chunks."""

import datetime
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from django.utils import timezone
from django.utils.formats import get_format
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _

from clinic.models.lesions import UNNAMED, place_in_words, title_in_words
from clinic.services.lesions import number_in_query
from clinic.spreadsheets import safe_cell
from clinic.vocabulary import AnatomSite, Laterality
from diagnosis.interpretation import RISK_NAMES, label_name
from diagnosis.models import Management, Status
from diagnosis.models.requests import DiagnosisRequestQuerySet
from ml.taxonomy import BY_ANSWER

CHUNK = 2000
# the name of a value, and where it comes from
SOURCES = {
    "request": "pk",
    "image": "image_id",
    "lesion": "image__lesion_id",
    "lesion_label": "image__lesion__label",
    "medical_record_number": "image__lesion__patient__medical_record_number",
    "hospital": "hospital__name",
    "requested_at": "created_at",
    "status": "status",
    "diagnosis": "label",
    "probability": "prediction__probability",
    "malignancy_probability": "prediction__malignancy_probability",
    "risk": "risk",
    "model": "model_version__name",
    "model_version": "model_version__version",
    "conclusion": "conclusion",
    "management": "signed_review__management",
    "signed_by": "signed_review__signed_by__username",
    "signer_given_name": "signed_review__signed_by__first_name",
    "signer_family_name": "signed_review__signed_by__last_name",
    "signed_at": "signed_review__signed_at",
    "anatom_site": "image__lesion__anatom_site",
    "laterality": "image__lesion__laterality",
    "captured_at": "image__captured_at",
    "histopathology": "finding",
}
TIMES = ("requested_at", "captured_at", "signed_at")
SHARES = ("probability", "malignancy_probability")
SIGNER = ("signed_by", "signer_given_name", "signer_family_name")
# what other values are made of
PARTS = ("lesion_label", "model_version", *SIGNER[1:])
# the columns of the API's file; new ones come last
CSV_COLUMNS = (*(name for name in SOURCES if name not in PARTS), "lesion_title")
# the columns of a file for people, in the order in which they read
HEADINGS = {
    "medical_record_number": _("Medical record number"),
    "lesion_title": _("Name of the lesion"),
    "anatom_site": _("Site"),
    "laterality": _("Side"),
    "captured_at": _("Taken on"),
    "requested_at": _("Ordered"),
    "status": _("State"),
    "diagnosis": _("AI: most likely class"),
    "probability": _("AI: probability of the class (%)"),
    "malignancy_probability": _("AI: malignancy (%)"),
    "risk": _("AI: risk"),
    "conclusion": _("Signed conclusion"),
    "management": _("Management"),
    "signed_by": _("Signed by"),
    "signed_at": _("Signed on"),
    "histopathology": _("Histopathology"),
    "model": _("Model"),
    "hospital": _("Hospital"),
    "lesion": _("Lesion"),
    "image": _("Picture"),
    "request": _("Order"),
}

Words = Mapping[str, Mapping[Any, str]]


def csv_rows(rows: DiagnosisRequestQuerySet, *, language: str) -> Iterator[list[str]]:
    """For programs: a header of names and a line a request, in words of the language."""
    yield list(CSV_COLUMNS)
    for cells in table(rows, language=language, moment=iso, share=four_places):
        yield [safe_cell(cells[name]) for name in CSV_COLUMNS]


def sheet_rows(rows: DiagnosisRequestQuerySet) -> Iterator[list[str]]:
    """For people: a header and a line a request, all in the language of now."""
    language = get_language()
    # a number of the language, that a spreadsheet may sort
    share = partial(percent, point=get_format("DECIMAL_SEPARATOR"))
    yield [str(heading) for heading in HEADINGS.values()]
    for cells in table(rows, language=language, moment=minute, share=share):
        yield [safe_cell(cells[name]) for name in HEADINGS]


def table(
    rows: DiagnosisRequestQuerySet,
    *,
    language: str | None,
    moment: Callable[[datetime.datetime], str],
    share: Callable[[float], str],
) -> Iterator[dict[str, str]]:
    """The cells of each request by the names of ``SOURCES``, and ``lesion_title``; what is not
    known is empty."""
    # whoever reads the lines may do so after the request, in another language
    with override(language):
        written, unnamed = in_words(words_of_codes()), str(UNNAMED)
    written |= dict.fromkeys(TIMES, moment) | dict.fromkeys(SHARES, share)
    values = rows.values_list(*SOURCES.values(), number_in_query("image__lesion"))
    for *row, number in values.iterator(chunk_size=CHUNK):
        found = dict(zip(SOURCES, row, strict=True))
        cells = {
            name: "" if value is None else written[name](value) for name, value in found.items()
        }
        cells["model"] = f"{found['model']} {found['model_version']}"
        cells["signed_by"] = display_name(*(found[name] or "" for name in SIGNER))
        name = found["lesion_label"] or place_in_words(cells["anatom_site"], cells["laterality"])
        cells["lesion_title"] = title_in_words(number, name, unnamed)
        yield cells


def in_words(words: Words) -> dict[str, Callable[[Any], str]]:
    """How the values of each name are written: codes in words, those that are not known as
    nothing, and everything else as it is."""
    plain: dict[str, Callable[[Any], str]] = dict.fromkeys(SOURCES, str)
    return plain | {name: partial(word_of, known) for name, known in words.items()}


def word_of(known: Mapping[Any, str], code: Any) -> str:
    return known.get(code, "")


def words_of_codes() -> Words:
    """What codes are called in the language of now; looked up once a file."""
    labels = {label: label_name(label) for label in BY_ANSWER}
    return {
        "status": {status.value: str(status.label) for status in Status},
        "diagnosis": labels,
        "risk": {risk.value: str(name) for risk, name in RISK_NAMES.items()},
        "conclusion": labels,
        "management": {entry.value: str(entry.label) for entry in Management},
        "anatom_site": {entry.value: str(entry.label) for entry in AnatomSite},
        "laterality": {entry.value: str(entry.label) for entry in Laterality},
        "histopathology": labels,
    }


def display_name(username: str, given_name: str, family_name: str) -> str:
    return f"{given_name} {family_name}".strip() or username


def iso(at: datetime.datetime) -> str:
    """In UTC with a Z, as in the answers of the API."""
    return f"{at.astimezone(datetime.UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def minute(at: datetime.datetime) -> str:
    """As pages show it, in the server's time zone."""
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M")


def four_places(share: float) -> str:
    return f"{share:.4f}"


def percent(share: float, *, point: str) -> str:
    """A whole number, for a spreadsheet of another language takes a decimal point for a date; with
    up to two decimals where it would else claim 0 or 100, which the pages never do."""
    whole = round(share * 100)
    if 0 < whole < 100 or share in (0, 1):
        return str(whole)
    fine = min(max(share * 100, 0.01), 99.99)
    return f"{fine:.2f}".rstrip("0").replace(".", point)
