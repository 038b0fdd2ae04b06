"""The printable report of one patient: the lesions by body site, each with its pictures, and beside
each picture what the AI, the doctor and the pathologist say of it, apart from each other."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Spacer, Table, TableStyle

from clinic.errors import DomainError
from clinic.measures import entered
from clinic.models import Patient
from clinic.services.images import read_thumbnail
from diagnosis.documents import pdf
from diagnosis.documents.opinions import (
    doctor_lines,
    doctors_notes,
    findings_of,
    pathologist_lines,
    pathologists_notes,
    reading_lines,
    spoken_of,
)
from diagnosis.interpretation import label_name
from diagnosis.services.patient_records import Card, Picture

# so that a patient with thousands of pictures is a document of some megabytes, made in seconds
MOST_PICTURES = 150
PICTURES_OF_LESION = 4
LARGE, SMALL, GAP = (56 * mm, 42 * mm), (32 * mm, 24 * mm), 4 * mm
OPINION_SHARES = (0.46, 0.28, 0.26)


def patient_pdf(patient: Patient, cards: Sequence[Card], *, author: str) -> bytes:
    """``cards`` are in the order of the sites; ``author`` is the name of who asks for it."""
    title = _("Patient report: %(number)s") % {"number": patient.medical_record_number}
    parts = [*head(patient, author)]
    if patient.is_standing:
        parts += [*overview(cards), *lesion_parts(cards)]
    return pdf.build(parts, title=title)


def standing_sentence() -> str:
    return _(
        "AI readings assist and are no diagnoses: nothing is final until a named doctor has "
        "signed it."
    )


# Head and overview --------------------------------------------------------------------------------


def head(patient: Patient, author: str) -> Iterator[Flowable]:
    yield pdf.text(patient.hospital.name, pdf.HEADING)
    name = patient.name or patient.medical_record_number
    yield pdf.text(name, pdf.TITLE)
    if pdf.printable(name) != name:
        words = _("The font of this document lacks signs of this name, shown as question marks.")
        yield pdf.text(words, pdf.SMALL)
    yield pdf.text("; ".join(facts_of(patient)))
    made = _("Made %(time)s by %(name)s.")
    now = timezone.localtime().strftime("%Y-%m-%d %H:%M")
    yield pdf.text(made % {"time": now, "name": author}, pdf.SMALL)
    yield pdf.text(standing_sentence(), pdf.SMALL)
    if not patient.is_standing:
        reason = f"{_('Entered in error')}: {patient.get_entered_in_error_reason_display()}."
        yield pdf.text(f"{reason} {_('No list, figure or report has it.')}", pdf.STRONG)


def facts_of(patient: Patient) -> Iterator[str]:
    yield _("Medical record number %(number)s") % {"number": patient.medical_record_number}
    if patient.birth_date and (age := patient.age) is not None:
        words = ngettext("born %(date)s, %(n)s year", "born %(date)s, %(n)s years", age)
        yield words % {"date": patient.birth_date.isoformat(), "n": age}
    yield _("sex: %(sex)s") % {"sex": patient.get_sex_display().lower()}
    if patient.skin_type:
        yield _("skin type %(type)s") % {"type": patient.get_skin_type_display()}
    yield _("had a melanoma before: %(answer)s") % {
        "answer": known(patient.personal_history_of_melanoma)
    }
    yield _("melanoma in the family: %(answer)s") % {
        "answer": known(patient.family_history_of_melanoma)
    }


def known(answer: bool | None) -> str:
    return _("not recorded") if answer is None else _("yes") if answer else _("no")


def overview(cards: Sequence[Card]) -> Iterator[Flowable]:
    yield from pdf.table_heading(_("Lesions"))
    if not cards:
        yield pdf.text(_("No lesion of this patient is recorded."))
        return
    rows = [overview_row(card) for card in cards]
    columns = (_("Lesion"), _("Pictures"), _("AI reading"), _("Doctor"), _("Pathologist"))
    yield pdf.table(columns, rows, (2.4, 0.8, 1.8, 1.8, 1.6))


def overview_row(card: Card) -> tuple[Any, ...]:
    request, reviews, findings = card.request, card.signed_reviews, findings_of(card)
    prediction = request.prediction if request else None
    return (
        card.lesion.title,
        len(card.pictures),
        label_name(prediction.label) if prediction else "–",
        label_name(reviews[0].conclusion) if reviews else "–",
        label_name(findings[0].diagnosis) if findings else "–",
    )


# Lesion by lesion ---------------------------------------------------------------------------------


def lesion_parts(cards: Sequence[Card]) -> Iterator[Flowable]:
    each = PICTURES_OF_LESION if len(cards) * PICTURES_OF_LESION <= MOST_PICTURES else 1
    room = MOST_PICTURES
    placed = any(card.lesion.anatom_site for card in cards)
    for site, found in itertools.groupby(cards, key=site_of):
        heading = [pdf.text(site, pdf.HEADING)] if placed else []
        for card in found:
            shown = pictures_of(card)[: min(each, room)]
            room -= len(shown)
            # in one piece, where it fits on a page; pieces in a piece would each begin a page
            yield KeepTogether([*heading, *lesion_part(card, shown)])
            heading = []


def pictures_of(card: Card) -> list[Picture]:
    """Those beside which an opinion stands, then the others, the last taken first."""
    spoken = spoken_of(card)
    return spoken + [picture for picture in card.pictures if picture not in spoken]


def site_of(card: Card) -> str:
    return card.lesion.get_anatom_site_display() if card.lesion.anatom_site else _("Other lesions")


def lesion_part(card: Card, shown: Sequence[Picture]) -> Iterator[Flowable]:
    left, more = len(card.pictures) - len(shown), shown[len(spoken_of(card)) :]
    title = pdf.text(card.lesion.title, pdf.STRONG)
    facts = [pdf.text(line, pdf.SMALL) for line in lesion_facts(card)]
    yield from (Spacer(0, 6), title, *facts, *pictures_and_opinions(card, shown))
    if more:
        yield strip(card, more)
    if left or not card.pictures:
        yield pdf.text(not_shown(left), pdf.SMALL)
    yield from notes(card)


def not_shown(left: int) -> str:
    return _("Pictures not shown here: %(n)d") % {"n": left} if left else _("No picture yet.")


def lesion_facts(card: Card) -> Iterator[str]:
    lesion = card.lesion
    if lesion.label and lesion.place:
        yield lesion.place
    if lesion.first_noticed:
        yield _("First noticed %(date)s") % {"date": lesion.first_noticed.isoformat()}
    if lesion.diameter_mm:
        yield _("Diameter %(size)s mm") % {"size": localize(entered(lesion.diameter_mm))}


def notes(card: Card) -> Iterator[Flowable]:
    found = [
        (_("Notes on the lesion"), card.lesion.notes),
        *doctors_notes(card),
        *pathologists_notes(card),
    ]
    for name, content in found:
        if content:
            yield pdf.text(name, pdf.LABEL)
            yield from (pdf.text(line) for line in content.splitlines() if line.strip())


# Pictures and opinions ----------------------------------------------------------------------------


def pictures_and_opinions(card: Card, shown: Sequence[Picture]) -> Iterator[Table]:
    """A picture a row, with what is said of it; the pathologist speaks of the lesion."""
    spoken = spoken_of(card)
    for picture in spoken:
        part = large_part(card, picture, shown=picture in shown)
        yield opinions_row([part], opinions(card, picture))
    if not spoken:
        yield opinions_row([], opinions(card, None))


def large_part(card: Card, picture: Picture, *, shown: bool) -> list[Flowable]:
    words = card.when(picture)
    if picture is card.newest and len(spoken_of(card)) > 1:
        words = _("%(time)s, the newest picture") % {"time": words}
    return picture_part(picture, LARGE, words) if shown else [pdf.text(words, pdf.SMALL)]


def opinions_row(pictures: list[list[Flowable]], columns: list[list[Flowable]]) -> Table:
    widths = [LARGE[0] + GAP] * len(pictures)
    room = pdf.PAPER[0] - 2 * pdf.MARGIN - sum(widths)
    widths += [room * share for share in OPINION_SHARES]
    return plain_table([[*pictures, *columns]], widths)


def opinions(card: Card, picture: Picture | None) -> list[list[Flowable]]:
    first = picture is None or picture is spoken_of(card)[0]
    columns = {
        _("AI reading, not a diagnosis"): reading_lines(picture.request if picture else None),
        _("Doctor"): doctor_lines(card, picture),
    }
    if first:
        columns[_("Pathologist")] = pathologist_lines(card)
    found: list[list[Flowable]] = [
        [pdf.text(name, pdf.LABEL), *(pdf.text(line, look) for line, look in lines)]
        for name, lines in columns.items()
    ]
    return found if first else [*found, []]


# Pictures -----------------------------------------------------------------------------------------


def strip(card: Card, pictures: Sequence[Picture]) -> Table:
    """Small, side by side with their dates."""
    cells = [picture_part(picture, SMALL, card.when(picture)) for picture in pictures]
    return plain_table([cells], [SMALL[0] + GAP] * len(cells))


def picture_part(picture: Picture, size: tuple[float, float], words: str) -> list[Flowable]:
    caption = pdf.text(words, pdf.SMALL)
    try:
        return [pdf.picture(read_thumbnail(picture.image), *size), caption]
    except DomainError as error:
        return [pdf.text(error.message, pdf.SMALL), caption]


def plain_table(rows: list[list[Any]], widths: list[float]) -> Table:
    found = Table(rows, colWidths=widths, hAlign="LEFT")
    found.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                ("RIGHTPADDING", (0, 0), (-1, -1), GAP),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ]
        )
    )
    return found
