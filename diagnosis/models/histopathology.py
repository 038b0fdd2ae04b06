"""What a pathologist found in a lesion: the truth that readings are held to."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from clinic.models import Lesion, User
from clinic.models.base import Record
from clinic.permissions import hospital_ids
from ml.taxonomy import BY_LABEL


class HistopathologyQuerySet(models.QuerySet["Histopathology"]):
    def visible_to(self, user) -> "HistopathologyQuerySet":
        return self.filter(lesion__hospital__in=hospital_ids(user))


class Histopathology(Record):
    """A finding is never changed; a corrected one is a new row, and the newest counts."""

    patient_path = "lesion__patient"

    lesion = models.ForeignKey(Lesion, models.PROTECT, related_name="histopathology")
    # a label of ml.taxonomy
    diagnosis = models.CharField(_("diagnosis"), max_length=50)
    confirmed_by = models.CharField(_("confirmed by"), max_length=200)
    date = models.DateField(_("date of the finding"))
    notes = models.TextField(_("notes"), blank=True, max_length=5000)
    recorded_by = models.ForeignKey(User, models.PROTECT, related_name="+")

    objects = HistopathologyQuerySet.as_manager()

    class Meta:
        verbose_name = _("histopathology")
        verbose_name_plural = _("histopathology")
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(diagnosis__in=list(BY_LABEL)), name="histopathology_diagnosis_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(confirmed_by=""), name="histopathology_has_a_pathologist"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.diagnosis} ({self.date})"
