"""Recalls: the lesions that a doctor wanted to see again, and have not been seen since."""

import datetime

from django.db.models import Max
from django.utils import timezone

from clinic.models import Lesion, User
from diagnosis.models import DiagnosisRequest, Review
from diagnosis.models.requests import DiagnosisRequestQuerySet

EARLIEST_FIRST = ("recall_on", "id")


def open_recalls(user: User) -> DiagnosisRequestQuerySet:
    """The requests whose signed review recalls, for those hospitals that the user sees.

    A recall is closed by a picture of the lesion that was taken on a later day, or by a later
    signed review of any of its pictures, which says anew when the lesion is to be seen; triggers
    do so.
    """
    return DiagnosisRequest.objects.visible_to(user).standing().filter(recall_on__isnull=False)


def overdue_recalls(user: User) -> DiagnosisRequestQuerySet:
    """Those whose day has passed."""
    return open_recalls(user).filter(recall_on__lt=timezone.localdate())


def last_review(lesion: Lesion) -> Review | None:
    """The lesion's last signed review. A review of any of its pictures takes the place of its
    recall, also one that amends an older review."""
    signed = Review.objects.filter(
        signed_at__isnull=False,
        request__image__lesion=lesion,
        request__entered_in_error_at__isnull=True,
    )
    return signed.order_by("-signed_at", "id").first()


def recall_elsewhere(request: DiagnosisRequest) -> datetime.date | None:
    """The day on which the lesion is to be seen again by the review of another reading, also one
    that has passed."""
    rows = DiagnosisRequest.objects.standing().filter(image__lesion=request.image.lesion_id)
    return rows.exclude(pk=request.pk).aggregate(day=Max("recall_on"))["day"]
