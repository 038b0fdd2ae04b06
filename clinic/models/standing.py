"""Records that may have been entered in error: kept and readable, left out of lists and figures."""

from typing import Self, TypeVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class ErrorReason(models.TextChoices):
    """Why a record is wrong. Words to choose from, so that the audit log can hold them."""

    WRONG_PATIENT = "wrong_patient", _("It belongs to another patient")
    WRONG_LESION = "wrong_lesion", _("It belongs to another lesion")
    NO_LESION = "no_lesion", _("It shows no lesion")
    DUPLICATE = "duplicate", _("It is recorded twice")
    TEST = "test", _("It was a test or a training")
    OTHER = "other", _("Another mistake")


# of a record: not entered in error
STANDING = models.Q(entered_in_error_at__isnull=True)


def list_indexes(noun: str) -> list[models.Index]:
    """Of a hospital's rows, the newest first: of those that stand, the keys of a page lie in the
    index alone; the others are few."""
    fields = ["hospital", "-created_at", "id"]
    return [
        models.Index(fields=fields, condition=STANDING, name=f"{noun}_of_hospital"),
        models.Index(fields=fields, condition=~STANDING, name=f"{noun}_entered_in_error"),
    ]


M = TypeVar("M", bound=models.Model)


class StandingQuerySet(models.QuerySet[M]):
    def standing(self) -> Self:
        """Without what was entered in error: every list and every figure begins here."""
        return self.filter(STANDING)

    def in_error(self, wanted: bool) -> Self:
        """Only what was entered in error, or only what was not."""
        return self.exclude(STANDING) if wanted else self.standing()


class Retractable(models.Model):
    """Patients, lesions and images. The three columns are all set or all empty; a trigger sees to
    it. What FHIR calls ``entered-in-error`` (hl7.org/fhir/R4/valueset-observation-status.html)."""

    entered_in_error_at = models.DateTimeField(null=True, editable=False)
    entered_in_error_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        db_index=False,
    )
    entered_in_error_reason = models.CharField(
        max_length=20, choices=ErrorReason.choices, null=True, editable=False
    )

    class Meta:
        abstract = True

    @property
    def is_standing(self) -> bool:
        return self.entered_in_error_at is None
