"""The page of one patient and of one lesion: records of the clinic with their readings."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import make_aware
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_safe

from clinic.models import Lesion, Patient
from clinic.permissions import get_visible
from clinic.services.audit import record_event
from clinic.views.access import signed_in
from clinic.views.entered_in_error import standing_of
from clinic.views.paging import CARDS_A_PAGE, numbered_page
from clinic.views.tallies import Choice, chosen_of, tallies_of
from diagnosis.models import Histopathology, Review
from diagnosis.services.differences import lesion_differences
from diagnosis.services.patient_records import (
    Card,
    Picture,
    cards_of,
    change_between,
    number_cards,
)

NEWEST_MOMENTS = 40
PICTURES_A_PAGE = 25
# from so many on, it can be chosen which are shown
MANY_LESIONS = 7
# in the list to compare from: the newest, and always the first, which began the follow-up
NEWEST_CHOICES = 100


@dataclass(frozen=True)
class Moment:
    """Something that happened to a patient's lesions: a picture taken, a conclusion signed, or
    a finding of the pathologist."""

    time: datetime.datetime
    card: Card
    picture: Picture | None
    review: Review | None = None
    finding: Histopathology | None = None

    @property
    def is_replaced(self) -> bool:
        """By a later finding, or by a review that amends this one."""
        if self.finding is not None:
            return self.finding != self.card.finding
        if self.review is None:
            return False
        later = self.review.request.reviews.all()
        return any(review.amends_id == self.review.pk for review in later)


@signed_in
@require_safe
def patient(request: HttpRequest, pk) -> HttpResponse:
    found = get_visible(Patient.objects.select_related("hospital"), request.user, pk=pk)
    record_event(actor=request.user, action="view_patient", hospital=found.hospital_id, obj=found)
    of_all = cards_of(request.user, Lesion.objects.visible_to(request.user).filter(patient=found))
    number_cards(of_all)
    # of a patient who was entered in error, what was marked with them
    marked = found.entered_in_error_at
    cards = [card for card in of_all if card.lesion.entered_in_error_at == marked]
    cards.sort(key=lambda card: card.rank, reverse=True)
    differences = lesion_differences(found)
    for card in cards:
        card.difference = differences.get(card.lesion.pk)
    offered = choices() if len(cards) >= MANY_LESIONS else choices()[:1]
    chosen = chosen_of(offered, request.GET.get("show"))
    context = {
        "patient": found,
        "cards": cards,
        "tallies": tallies_of(offered, cards, chosen, {}),
        "page": numbered_page(request, list(filter(chosen.holds, cards)), CARDS_A_PAGE),
        "unplaced": sum(not card.lesion.body_view for card in cards),
        "compared_lesions": len(differences),
        "stands_out": any(difference.most for difference in differences.values()),
        "moments": moments_of(cards),
        "cards_in_error": [card for card in of_all if card not in cards],
        "images_in_error": [image for card in cards for image in card.in_error],
    } | standing_of(request, found)
    return render(request, "patients/patient.html", context)


def choices() -> list[Choice]:
    return [
        Choice("", pgettext("lesions", "All"), lambda card: True),
        Choice("suspicious", _("Suspicious"), attrgetter("is_suspicious")),
        Choice("to_review", _("To review"), attrgetter("waits_for_review")),
        Choice("unplaced", _("Without a place"), lambda card: not card.lesion.body_view),
    ]


@signed_in
@require_safe
def lesion(request: HttpRequest, pk) -> HttpResponse:
    lesions = Lesion.objects.select_related("patient__hospital")
    found = get_visible(lesions, request.user, pk=pk)
    hospital = found.patient.hospital_id
    record_event(actor=request.user, action="view_lesion", hospital=hospital, obj=found)
    card = cards_of(request.user, [found])[0]
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
        "page": numbered_page(request, card.pictures, PICTURES_A_PAGE, attrgetter("image.pk")),
        "compared": compared,
        "change": change_between(*compared) if compared else None,
        "choices": zip(("earlier", "later"), (_("Left"), _("Right")), compared, strict=False),
        "comparable": comparable(card.pictures, compared),
        "images_in_error": card.in_error,
    } | standing_of(request, found)
    return render(request, "lesions/lesion.html", context)


def compared_pictures(request: HttpRequest, pictures: list[Picture]) -> list[Picture]:
    """The two of ``?earlier=&later=``, else the two taken last; none where there is only one."""
    if len(pictures) < 2:
        return []
    by_key = {str(picture.image.pk): picture for picture in pictures}
    newest = sorted(pictures, key=lambda picture: picture.taken)[-2:]
    names = ("earlier", "later")
    return [by_key.get(request.GET.get(n, ""), p) for n, p in zip(names, newest, strict=True)]


def comparable(pictures: list[Picture], chosen: list[Picture]) -> list[Picture]:
    kept = pictures[:NEWEST_CHOICES]
    return kept + [p for p in pictures[NEWEST_CHOICES:] if p in chosen or p is pictures[-1]]


def moments_of(cards: Iterable[Card]) -> list[Moment]:
    """The newest moments of the lesions, newest first; the pages of the lesions have them all."""
    moments = []
    for card in cards:
        for picture in card.pictures:
            moments.append(Moment(picture.taken, card, picture))
            reviews = (review for row in picture.requests for review in row.reviews.all())
            moments += [Moment(r.signed_at, card, picture, r) for r in reviews if r.signed_at]
        findings = card.lesion.histopathology.all()
        moments += [Moment(told_at(f), card, card.newest, finding=f) for f in findings]
    return sorted(moments, key=lambda moment: moment.time, reverse=True)[:NEWEST_MOMENTS]


def told_at(finding: Histopathology) -> datetime.datetime:
    """At the end of the day that it bears, or when it was recorded, if that was earlier."""
    end = make_aware(datetime.datetime.combine(finding.date, datetime.time.max))
    return min(finding.created_at, end)
