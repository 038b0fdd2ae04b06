"""The page of one patient and of one lesion: records of the clinic with their readings."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from clinic.models import Image, Lesion, Patient
from clinic.permissions import get_visible, may_record
from clinic.services.audit import record_event
from clinic.views.access import signed_in
from diagnosis.models import DiagnosisRequest, Review, Status
from diagnosis.services.differences import Difference, lesion_differences

NEWEST_MOMENTS = 40


@dataclass
class Picture:
    """An image with its readings, newest first."""

    image: Image
    requests: list[DiagnosisRequest] = field(default_factory=list)

    @property
    def taken(self) -> datetime.datetime:
        return self.image.captured_at or self.image.created_at

    @property
    def request(self) -> DiagnosisRequest | None:
        """The reading that counts: the newest with an answer, else the newest."""
        answered = (r for r in self.requests if r.status == Status.SUCCEEDED)
        return next(answered, self.requests[0] if self.requests else None)


@dataclass
class Card:
    """A lesion with its pictures, newest first."""

    lesion: Lesion
    pictures: list[Picture] = field(default_factory=list)
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
        answered = request is not None and request.prediction is not None
        return request.prediction.malignancy_probability if answered else -1.0


@dataclass(frozen=True)
class Moment:
    """Something that happened to a patient's lesions: a picture taken, or a conclusion signed."""

    time: datetime.datetime
    card: Card
    picture: Picture
    review: Review | None = None


@signed_in
@require_safe
def patient(request: HttpRequest, pk) -> HttpResponse:
    found = get_visible(Patient.objects.select_related("hospital"), request.user, pk=pk)
    record_event(actor=request.user, action="view_patient", hospital=found.hospital_id, obj=found)
    cards = cards_of(request, Lesion.objects.visible_to(request.user).filter(patient=found))
    cards.sort(key=lambda card: -card.malignancy)
    differences = lesion_differences(found)
    for number, card in enumerate(cards, 1):
        card.number, card.difference = number, differences.get(card.lesion.pk)
    context = {
        "patient": found,
        "cards": cards,
        "compared_lesions": len(differences),
        "stands_out": any(difference.most for difference in differences.values()),
        "moments": moments_of(cards),
        "may_record": may_record(request.user, found.hospital_id),
    }
    return render(request, "patients/patient.html", context)


@signed_in
@require_safe
def lesion(request: HttpRequest, pk) -> HttpResponse:
    lesions = Lesion.objects.select_related("patient__hospital")
    found = get_visible(lesions, request.user, pk=pk)
    hospital = found.patient.hospital_id
    record_event(actor=request.user, action="view_lesion", hospital=hospital, obj=found)
    card = cards_of(request, [found])[0]
    differences = lesion_differences(found.patient)
    card.difference = differences.get(found.pk)
    findings = list(found.histopathology.all())
    compared = compared_pictures(request, card.pictures)
    context = {
        "lesion": found,
        "patient": found.patient,
        "card": card,
        "compared_lesions": len(differences),
        "stands_out": any(difference.most for difference in differences.values()),
        "finding": findings[0] if findings else None,
        "earlier_findings": findings[1:],
        "compared": compared,
        "choices": zip(("earlier", "later"), (_("Left"), _("Right")), compared, strict=False),
        "may_record": may_record(request.user, hospital),
    }
    return render(request, "lesions/lesion.html", context)


def compared_pictures(request: HttpRequest, pictures: list[Picture]) -> list[Picture]:
    """The two of ``?earlier=&later=``, else the two taken last; none where there is only one."""
    if len(pictures) < 2:
        return []
    by_key = {str(picture.image.pk): picture for picture in pictures}
    newest = sorted(pictures, key=lambda picture: picture.taken)[-2:]
    names = ("earlier", "later")
    return [by_key.get(request.GET.get(n, ""), p) for n, p in zip(names, newest, strict=True)]


def moments_of(cards: Iterable[Card]) -> list[Moment]:
    """The newest moments of the lesions, newest first; the pages of the lesions have them all."""
    moments = []
    for card in cards:
        for picture in card.pictures:
            moments.append(Moment(picture.image.created_at, card, picture))
            reviews = (review for row in picture.requests for review in row.reviews.all())
            moments += [Moment(r.signed_at, card, picture, r) for r in reviews if r.signed_at]
    return sorted(moments, key=lambda moment: moment.time, reverse=True)[:NEWEST_MOMENTS]


def cards_of(request: HttpRequest, lesions: Iterable[Lesion]) -> list[Card]:
    """The lesions with pictures and readings, in four queries however many there are."""
    cards = {lesion.pk: Card(lesion) for lesion in lesions}
    pictures = {}
    for image in Image.objects.visible_to(request.user).filter(lesion__in=list(cards)):
        pictures[image.pk] = Picture(image)
        cards[image.lesion_id].pictures.append(pictures[image.pk])
    rows = DiagnosisRequest.objects.visible_to(request.user).with_records()
    for row in rows.filter(image__lesion__in=list(cards)):
        pictures[row.image_id].requests.append(row)
    return list(cards.values())
