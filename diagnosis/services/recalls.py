"""Recalls: the lesions that a doctor wanted to see again, and have not been seen since."""

from django.utils import timezone

from clinic.models import User
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


def last_recall(request: DiagnosisRequest) -> Review | None:
    """The lesion's last signed review, if it recalls on a day that is still to come.

    A review of any picture takes that recall's place, and so may a picture of today: the day is
    offered to the next review, so that nobody loses the follow-up by a second photograph.
    """
    signed = Review.objects.filter(
        signed_at__isnull=False,
        request__image__lesion=request.image.lesion_id,
        request__entered_in_error_at__isnull=True,
    )
    last = signed.order_by("-signed_at", "id").first()
    if last is None or last.recall_on is None or last.recall_on <= timezone.localdate():
        return None
    return last
