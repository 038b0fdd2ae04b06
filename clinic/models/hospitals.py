"""The tenant: every record belongs to exactly one hospital."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from clinic.models.base import Record
from clinic.permissions import hospital_ids


class HospitalQuerySet(models.QuerySet["Hospital"]):
    def visible_to(self, user) -> "HospitalQuerySet":
        return self.filter(pk__in=hospital_ids(user))


class Hospital(Record):
    name = models.CharField(_("name"), max_length=200)

    objects = HospitalQuerySet.as_manager()

    class Meta:
        verbose_name = _("hospital")
        verbose_name_plural = _("hospitals")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["name"], name="hospital_name_is_unique")]

    def __str__(self) -> str:
        return self.name
