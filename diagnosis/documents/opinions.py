"""What the AI, the doctor and the pathologist say of a lesion and its pictures, in the lines of the
patient's report: each by itself, with whom or what it comes from."""

import itertools
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from reportlab.lib.styles import ParagraphStyle

from diagnosis.documents import pdf
from diagnosis.failures import failure_message
from diagnosis.interpretation import interpret, label_name
from diagnosis.models import DiagnosisRequest, Histopathology, Review
from diagnosis.services.patient_records import Card, Picture
from diagnosis.templatetags.readings import names, notices, percent
from diagnosis.warned import warnings_of

# conclusions and findings that a later one took the place of
EARLIER = 3

Line = tuple[str, ParagraphStyle]


def spoken_of(card: Card) -> list[Picture]:
    """The picture of the conclusion that counts, that of the reading that counts, and the newest:
    often one and the same."""
    read = card.picture_of(card.request.pk) if card.request else None
    found: list[Picture] = []
    for picture in (card.concluded, read, card.newest):
        if picture is not None and picture not in found:
            found.append(picture)
    return found


# The AI -------------------------------------------------------------------------------------------


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


# The doctor ---------------------------------------------------------------------------------------


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


# The pathologist ----------------------------------------------------------------------------------


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
