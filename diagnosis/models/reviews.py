"""What a doctor concluded. A signed review is amended by a new one, never edited."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from clinic.models import User
from clinic.models.base import Record
from clinic.permissions import hospital_ids
from diagnosis.interpretation import label_name
from diagnosis.models.requests import DiagnosisRequest
from ml.taxonomy import BY_LABEL


class Management(models.TextChoices):
    NONE = "none", _("No action")
    MONITOR = "monitor", _("Monitor")
    REFER = "refer", _("Refer")
    EXCISE = "excise", _("Excise")


class ReviewQuerySet(models.QuerySet["Review"]):
    def visible_to(self, user) -> "ReviewQuerySet":
        return self.filter(request__hospital__in=hospital_ids(user))


class Review(Record):
    patient_path = "request__image__lesion__patient"

    request = models.ForeignKey(DiagnosisRequest, models.PROTECT, related_name="reviews")
    # a label of ml.taxonomy
    conclusion = models.CharField(_("conclusion"), max_length=50)
    management = models.CharField(_("management"), max_length=10, choices=Management.choices)
    notes = models.TextField(_("notes"), blank=True, max_length=5000)
    # when the lesion is to be seen again
    recall_on = models.DateField(_("recall"), null=True, blank=True)
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    signed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    signed_at = models.DateTimeField(_("signed"), null=True)
    # the signed review that this one takes the place of
    amends = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="amended_by"
    )

    objects = ReviewQuerySet.as_manager()

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ["created_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(signed_by__isnull=True, signed_at__isnull=True)
                | Q(signed_by__isnull=False, signed_at__isnull=False),
                name="review_signed_has_signer_and_time",
            ),
            models.CheckConstraint(
                condition=Q(conclusion__in=list(BY_LABEL)), name="review_conclusion_is_known"
            ),
            models.CheckConstraint(
                condition=Q(management__in=Management.values), name="review_management_is_known"
            ),
            models.UniqueConstraint(
                fields=["request"],
                condition=Q(signed_at__isnull=True),
                name="review_draft_is_unique",
            ),
            models.UniqueConstraint(
                fields=["request"],
                condition=Q(signed_at__isnull=False, amends__isnull=True),
                name="review_signed_first_is_unique",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.conclusion} ({self.management})"

    def get_conclusion_display(self) -> str:
        return label_name(self.conclusion)

    @property
    def is_signed(self) -> bool:
        return self.signed_at is not None
