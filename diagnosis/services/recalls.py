"""Recalls: the lesions that a doctor wanted to see again, and have not been seen since."""

from django.db.models import Exists, OuterRef
from django.utils import timezone

from clinic.models import Image, User
from diagnosis.models import Review
from diagnosis.models.reviews import ReviewQuerySet

EARLIEST_FIRST = ("recall_on", "id")


def open_recalls(user: User) -> ReviewQuerySet:
    """The signed reviews whose recall is open, for those hospitals that the user sees.

    A recall is closed by a new picture of the lesion, or by a later signed review of any of its
    pictures, which says anew when the lesion is to be seen.
    """
    lesion = OuterRef("request__image__lesion")
    pictures = Image.objects.filter(lesion=lesion, created_at__gt=OuterRef("signed_at"))
    later = Review.objects.filter(
        request__image__lesion=lesion, signed_at__gt=OuterRef("signed_at")
    )
    asked = Review.objects.visible_to(user).filter(signed_at__isnull=False, recall_on__isnull=False)
    return asked.exclude(Exists(pictures)).exclude(Exists(later))


def overdue_recalls(user: User) -> ReviewQuerySet:
    """Those whose day has passed."""
    return open_recalls(user).filter(recall_on__lt=timezone.localdate())
