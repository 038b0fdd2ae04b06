"""What is known of a patient's lesions: their pictures, with every reading and review."""

import datetime
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property

from django.db.models import prefetch_related_objects
from django.utils.timezone import localdate, localtime

from clinic.models import Image, Lesion, Patient, User
from clinic.vocabulary import AnatomSite
from diagnosis.models import DiagnosisRequest, Histopathology, Review, Status
from diagnosis.services.differences import Difference
from ml.taxonomy import BY_LABEL

# as exact as it takes to tell two pictures apart
MOMENTS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S")


@dataclass
class Picture:
    """An image with its readings, newest first."""

    image: Image
    requests: list[DiagnosisRequest] = field(default_factory=list)

    @property
    def taken(self) -> datetime.datetime:
        return self.image.taken

    @property
    def request(self) -> DiagnosisRequest | None:
        """The reading that counts: the newest with an answer, else the newest."""
        answered = (r for r in self.requests if r.status == Status.SUCCEEDED)
        return next(answered, self.requests[0] if self.requests else None)

    @property
    def signed_reviews(self) -> list[Review]:
        """Of all its readings, the last signed first; an amended one after the new one."""
        return signed_reviews_of(self.requests)


def signed_reviews_of(requests: Iterable[DiagnosisRequest]) -> list[Review]:
    reviews = [review for request in requests for review in request.reviews.all()]
    dated = [(review.signed_at, review) for review in reviews if review.signed_at is not None]
    return [review for _, review in sorted(dated, key=lambda pair: pair[0], reverse=True)]


@dataclass(frozen=True)
class Change:
    """Of the largest diameter (mm) from one picture to a later one."""

    before: Decimal
    after: Decimal
    since: datetime.datetime

    @property
    def millimetres(self) -> Decimal:
        return self.after - self.before

    @property
    def smaller(self) -> Decimal:
        return -self.millimetres

    @property
    def percent(self) -> Decimal:
        return 100 * self.millimetres / self.before


def change_between(one: Picture, other: Picture) -> Change | None:
    """None where a size was not measured on both."""
    earlier, later = sorted((one, other), key=lambda picture: picture.taken)
    before, after = earlier.image.diameter_mm, later.image.diameter_mm
    if before is None or after is None:
        return None
    return Change(before, after, earlier.taken)


@dataclass
class Card:
    """A lesion with its pictures, the last taken first."""

    lesion: Lesion
    pictures: list[Picture] = field(default_factory=list)
    # of a lesion that stands, the images that do not
    in_error: list[Image] = field(default_factory=list)
    number: int = 0  # on the patient's page: the same beside the dot and on the card
    difference: Difference | None = None  # from the patient's other lesions

    @property
    def newest(self) -> Picture | None:
        return self.pictures[0] if self.pictures else None

    @property
    def request(self) -> DiagnosisRequest | None:
        """Of the newest picture that was read."""
        read = (p.request for p in self.pictures if p.request and p.request.prediction)
        waiting = (p.request for p in self.pictures if p.request)
        return next(read, None) or next(waiting, None)

    @property
    def malignancy(self) -> float:
        request = self.request
        if request is None or request.prediction is None:
            return -1.0
        return request.prediction.malignancy_probability

    @cached_property
    def signed_reviews(self) -> list[Review]:
        """Of all its pictures, in the same order; they are all there when it is asked first."""
        return signed_reviews_of(row for picture in self.pictures for row in picture.requests)

    @property
    def conclusion(self) -> Review | None:
        """The doctor's newest, of whichever picture: it holds until another is signed."""
        return next(iter(self.signed_reviews), None)

    @property
    def concluded(self) -> Picture | None:
        """The picture that the conclusion is of."""
        return self.picture_of(self.conclusion.request_id) if self.conclusion else None

    @property
    def concluded_elsewhere(self) -> str:
        """When that picture was taken; empty where the reading that counts is of it too."""
        picture = self.concluded
        if picture is None or self.request in picture.requests:
            return ""
        return self.when(picture)

    def picture_of(self, request_id: uuid.UUID) -> Picture | None:
        rows = ((picture, row.pk) for picture in self.pictures for row in picture.requests)
        return next((picture for picture, pk in rows if pk == request_id), None)

    def when(self, picture: Picture) -> str:
        """The day on which the picture was taken; the time too where another is of that day."""
        others = [other for other in self.pictures if other is not picture]
        said = ""
        for form in MOMENTS:
            said = localtime(picture.taken).strftime(form)
            if all(localtime(other.taken).strftime(form) != said for other in others):
                break
        return said

    @property
    def finding(self) -> Histopathology | None:
        """The pathologist's newest."""
        return next(iter(self.lesion.histopathology.all()), None)

    @property
    def called_malignant(self) -> bool | None:
        """By the pathologist, else by the doctor; None where neither has said."""
        if self.finding:
            return BY_LABEL[self.finding.diagnosis].malignant
        return BY_LABEL[self.conclusion.conclusion].malignant if self.conclusion else None

    @property
    def cleared(self) -> bool:
        """Found benign by the pathologist, and no later picture was read, which may show what the
        pathologist has not seen."""
        if self.finding is None or self.called_malignant:
            return False
        request = self.request
        return request is None or localdate(request.image.taken) <= self.finding.date

    @property
    def is_suspicious(self) -> bool:
        """Malignant to a person, or read with a risk that is not low and not cleared since."""
        risky = self.request is not None and self.request.risk in ("medium", "high")
        return bool(self.called_malignant) or (risky and not self.cleared)

    @property
    def waits_for_review(self) -> bool:
        return any(row.waits_for_review for picture in self.pictures for row in picture.requests)

    @property
    def rank(self) -> tuple[int, float]:
        """By which a patient's lesions are sorted: what a person calls malignant is above every
        reading, what a pathologist cleared below."""
        if self.called_malignant:
            return 1, self.malignancy
        return (-1 if self.cleared else 0), self.malignancy


def cards_of(user: User, lesions: Iterable[Lesion]) -> list[Card]:
    """The lesions with what the user may see of them, in as many queries for one as for many."""
    cards = {lesion.pk: Card(lesion) for lesion in lesions}
    prefetch_related_objects([card.lesion for card in cards.values()], "histopathology")
    pictures: dict[uuid.UUID, Picture] = {}
    for image in Image.objects.visible_to(user).filter(lesion__in=list(cards)):
        card = cards[image.lesion_id]
        # what was marked as entered in error together is read together
        if image.entered_in_error_at == card.lesion.entered_in_error_at:
            pictures[image.pk] = Picture(image)
            card.pictures.append(pictures[image.pk])
        else:
            card.in_error.append(image)
    rows = DiagnosisRequest.objects.visible_to(user).with_records()
    for row in rows.filter(image__in=list(pictures)):
        pictures[row.image_id].requests.append(row)
    for card in cards.values():
        card.pictures.sort(key=lambda picture: picture.taken, reverse=True)
    return list(cards.values())


def report_cards(user: User, patient: Patient) -> list[Card]:
    """The patient's lesions for a report, by body site in the order of the vocabulary, those
    without one last; numbered, with their findings."""
    cards = cards_of(user, Lesion.objects.visible_to(user).filter(patient=patient))
    number_cards(cards)
    sites: list[str | None] = [*AnatomSite.values, None]
    cards.sort(key=lambda card: (sites.index(card.lesion.anatom_site), card.lesion.created_at))
    return [card for card in cards if card.lesion.is_standing]


def number_cards(cards: Iterable[Card]) -> None:
    """Number all of a patient's lesions as they were recorded, those entered in error too, so that
    each keeps its number on every page and printout."""
    recorded = sorted(cards, key=lambda card: (card.lesion.created_at, card.lesion.pk))
    for number, card in enumerate(recorded, 1):
        card.number = card.lesion.number = number
