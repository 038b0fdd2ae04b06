"""What a hospital sets for its readings. Each change is a new row, so that an old reading can
still be explained by what was in force when it was read."""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from clinic.models import Hospital, User
from clinic.models.base import Record
from clinic.permissions import hospital_ids
from diagnosis.interpretation import Action

SHARE = [MinValueValidator(0.0), MaxValueValidator(1.0)]
ALARM_HOURS = 24
LONGEST_ALARM_HOURS = 24 * 28
WORDS_LENGTH = 200


class HospitalSettingsQuerySet(models.QuerySet["HospitalSettings"]):
    def visible_to(self, user) -> "HospitalSettingsQuerySet":
        return self.filter(hospital__in=hospital_ids(user))


class HospitalSettings(Record):
    """One version of a hospital's settings; the newest is in force. A trigger refuses changes.

    The bands are the malignancy probabilities from which each action is recommended: below
    ``monitor_from`` none. Without bands those of the model version hold; empty words are ours.
    """

    hospital = models.ForeignKey(
        Hospital, models.PROTECT, related_name="settings_versions", db_index=False
    )
    author = models.ForeignKey(User, models.PROTECT, related_name="+")
    alarm_hours = models.PositiveSmallIntegerField(
        _("alarm after hours"),
        default=ALARM_HOURS,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_ALARM_HOURS)],
    )
    monitor_from = models.FloatField(_("monitor from"), null=True, blank=True, validators=SHARE)
    dermatologist_from = models.FloatField(
        _("dermatologist from"), null=True, blank=True, validators=SHARE
    )
    urgent_from = models.FloatField(_("urgent from"), null=True, blank=True, validators=SHARE)
    words_none = models.CharField(_("words for no action"), max_length=WORDS_LENGTH, blank=True)
    words_monitor = models.CharField(_("words for monitor"), max_length=WORDS_LENGTH, blank=True)
    words_dermatologist = models.CharField(
        _("words for dermatologist"), max_length=WORDS_LENGTH, blank=True
    )
    words_urgent = models.CharField(_("words for urgent"), max_length=WORDS_LENGTH, blank=True)

    objects = HospitalSettingsQuerySet.as_manager()

    class Meta:
        verbose_name = _("hospital settings")
        verbose_name_plural = _("hospital settings")
        ordering = ["-created_at", "id"]
        indexes = [models.Index(fields=["hospital", "-created_at"], name="settings_in_force")]
        constraints = [
            models.CheckConstraint(
                condition=Q(alarm_hours__gte=1, alarm_hours__lte=LONGEST_ALARM_HOURS),
                name="settings_alarm_is_within_four_weeks",
            ),
            models.CheckConstraint(
                condition=Q(
                    monitor_from__isnull=True,
                    dermatologist_from__isnull=True,
                    urgent_from__isnull=True,
                )
                | Q(
                    monitor_from__isnull=False,
                    dermatologist_from__isnull=False,
                    urgent_from__isnull=False,
                    monitor_from__gte=0,
                    dermatologist_from__gte=F("monitor_from"),
                    urgent_from__gt=F("dermatologist_from"),
                    urgent_from__lte=1,
                ),
                name="settings_bands_rise_or_are_absent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hospital}, {self.created_at:%Y-%m-%d}"

    @property
    def has_bands(self) -> bool:
        return self.urgent_from is not None

    @property
    def bands(self) -> dict[str, Any]:
        """What stands in for a model version's thresholds (see diagnosis/interpretation.py)."""
        words = {action: getattr(self, f"words_{action.value}") for action in Action}
        found: dict[str, Any] = {"words": {action: text for action, text in words.items() if text}}
        if self.has_bands:
            found["malignancy_monitor"] = self.monitor_from
            found["malignancy_medium"] = self.dermatologist_from
            found["malignancy_high"] = self.urgent_from
        return found
