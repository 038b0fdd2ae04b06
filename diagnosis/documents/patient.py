"""The printable report of one patient: the lesions by body site, each with its pictures, and beside
each picture what the AI, the doctor and the pathologist say of it, apart from each other."""

import itertools
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from django.utils import timezone
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, KeepTogether, Spacer, Table, TableStyle

from clinic.errors import DomainError
from clinic.measures import entered
from clinic.models import Patient
from clinic.services.images import read_thumbnail
from diagnosis.documents import pdf
from diagnosis.failures import failure_message
from diagnosis.interpretation import interpret, label_name
from diagnosis.models import DiagnosisRequest, Histopathology, Review
from diagnosis.services.patient_records import Card, Picture
from diagnosis.templatetags.readings import names, notices, percent
from diagnosis.warned import warnings_of

# so that a patient with thousands of pictures is a document of some megabytes, made in seconds
MOST_PICTURES = 150
PICTURES_OF_LESION = 4
# conclusions and findings that a later one took the place of
EARLIER = 3
LARGE, SMALL, GAP = (56 * mm, 42 * mm), (32 * mm, 24 * mm), 4 * mm
OPINION_SHARES = (0.46, 0.28, 0.26)

Line = tuple[str, ParagraphStyle]


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


def spoken_of(card: Card) -> list[Picture]:
    """The picture of the conclusion that counts, that of the reading that counts, and the newest:
    often one and the same."""
    read = card.picture_of(card.request.pk) if card.request else None
    found: list[Picture] = []
    for picture in (card.concluded, read, card.newest):
        if picture is not None and picture not in found:
            found.append(picture)
    return found


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


# The three opinions -------------------------------------------------------------------------------


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


def reading_lines(request: DiagnosisRequest | None) -> Iterator[Line]:
    if request is None or request.prediction is None:
        yield from unread_lines(request)
        return
    prediction = request.prediction
    reading = interpret(
        prediction.probabilities,
        prediction.malignancy_probability,
        request.thresholds,
        warnings_of(request),
    )
    yield f"{label_name(prediction.label)} {percent(prediction.probability)}", pdf.BODY
    malignancy = percent(prediction.malignancy_probability)
    words = _("%(risk)s, malignancy %(share)s") % {"risk": reading.risk_name, "share": malignancy}
    yield words, pdf.BODY
    if reading.uncertain and len(reading.prediction_set) > 1:
        yield (
            _("Uncertain: could be %(classes)s") % {"classes": names(reading.prediction_set)},
            pdf.BODY,
        )
    yield reading.recommendation, pdf.BODY
    if found := notices(request):
        words = " ".join(notice.message for notice in found)
        yield _("Read with care: %(notices)s") % {"notices": words}, pdf.SMALL
    yield f"{request.model_version}, {day(request.finished_at)}", pdf.SMALL


def unread_lines(request: DiagnosisRequest | None) -> Iterator[Line]:
    """Why there is no answer: a picture that was refused is not one that still waits."""
    if request is None or not request.failure_code:
        yield _("No reading yet."), pdf.BODY
        return
    yield str(request.get_status_display()), pdf.BODY
    yield failure_message(request.failure_code), pdf.SMALL


def doctor_lines(card: Card, picture: Picture | None) -> Iterator[Line]:
    """What was signed of this picture; beside the conclusion that counts, also of those without a
    row of their own."""
    reviews = picture.signed_reviews if picture else []
    if not reviews:
        yield _("Not signed yet."), pdf.BODY
        return
    newest = reviews[0]
    yield conclusion_of(newest), pdf.BODY
    if newest.recall_on:
        words = _("Recall on %(date)s") % {"date": newest.recall_on.isoformat()}
        if newest.request.recall_on is None:
            words += " " + _("(closed: seen or reviewed since)")
        yield words, pdf.BODY
    yield signature_of(newest), pdf.SMALL
    counts = newest == card.conclusion
    if counts and any(other.signed_reviews for other in card.pictures if other is not picture):
        yield _("Signed last: it holds until another is signed."), pdf.SMALL
    for earlier in reviews[1 : 1 + EARLIER]:
        yield earlier_words(earlier, reviews), pdf.SMALL
    for other in reviews_elsewhere(card) if counts else []:
        yield elsewhere_words(card, other), pdf.SMALL


def earlier_words(review: Review, reviews: Sequence[Review]) -> str:
    """Only what was amended is a thing of the past."""
    values = {"conclusion": conclusion_of(review), "signature": signature_of(review)}
    if review.pk in {other.amends_id for other in reviews}:
        return _("before: %(conclusion)s, %(signature)s") % values
    return _("of another reading of this picture: %(conclusion)s, %(signature)s") % values


def elsewhere_words(card: Card, review: Review) -> str:
    picture = card.picture_of(review.request_id)
    values = {
        "time": card.when(picture) if picture else "",
        "conclusion": conclusion_of(review),
        "signature": signature_of(review),
    }
    return _("of the picture of %(time)s: %(conclusion)s, %(signature)s") % values


def reviews_elsewhere(card: Card) -> list[Review]:
    """The last signed of pictures that have no row of their own, without what was amended."""
    spoken = {row.pk for picture in spoken_of(card) for row in picture.requests}
    amended = amended_of(card)
    found = (review for review in card.signed_reviews if review.request_id not in spoken)
    return [review for review in found if review.pk not in amended][:EARLIER]


def told_reviews(card: Card) -> list[Review]:
    """In the order in which the report names them."""
    spoken = [picture.signed_reviews[: 1 + EARLIER] for picture in spoken_of(card)]
    return [*itertools.chain(*spoken), *reviews_elsewhere(card)]


def amended_of(card: Card) -> set[uuid.UUID | None]:
    return {review.amends_id for review in card.signed_reviews}


def doctors_notes(card: Card) -> Iterator[tuple[str, str]]:
    """Each with the conclusion that it was signed with."""
    amended = amended_of(card)
    for review in told_reviews(card):
        values = {"conclusion": conclusion_of(review), "signature": signature_of(review)}
        if review.pk in amended:
            name = _("Doctor's notes, amended since: %(conclusion)s, %(signature)s") % values
        else:
            name = _("Doctor's notes: %(conclusion)s, %(signature)s") % values
        yield name, review.notes


def conclusion_of(review: Review) -> str:
    return f"{label_name(review.conclusion)}, {review.get_management_display().lower()}"


def signature_of(review: Review) -> str:
    time = timezone.localtime(review.signed_at).strftime("%Y-%m-%d %H:%M")
    values = {"name": review.signed_by.display_name, "date": time}
    return _("signed by %(name)s, %(date)s") % values


def pathologist_lines(card: Card) -> Iterator[Line]:
    findings = findings_of(card)
    if not findings:
        yield _("No finding recorded."), pdf.BODY
        return
    yield label_name(findings[0].diagnosis), pdf.BODY
    yield source_of(findings[0]), pdf.SMALL
    for earlier in findings[1 : 1 + EARLIER]:
        yield _("before: %(diagnosis)s, %(source)s") % words_of(earlier), pdf.SMALL


def pathologists_notes(card: Card) -> Iterator[tuple[str, str]]:
    """Of the finding that counts, then of those that it took the place of."""
    for place, finding in enumerate(findings_of(card)[: 1 + EARLIER]):
        name = _("Pathologist's notes")
        if place:
            name = _("Pathologist's notes, replaced since: %(diagnosis)s, %(source)s") % words_of(
                finding
            )
        yield name, finding.notes


def words_of(finding: Histopathology) -> dict[str, str]:
    return {"diagnosis": label_name(finding.diagnosis), "source": source_of(finding)}


def source_of(finding: Histopathology) -> str:
    return f"{finding.confirmed_by}, {finding.date.isoformat()}"


def findings_of(card: Card) -> list[Histopathology]:
    return list(card.lesion.histopathology.all())


def day(at: Any) -> str:
    return timezone.localtime(at).date().isoformat()


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
