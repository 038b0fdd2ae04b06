"""A person with a medical record number."""

import datetime
import re

from django.db import models
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clinic.letters import Folded, InOrder, SplitPart, fold
from clinic.models.base import Record
from clinic.models.hospitals import Hospital
from clinic.models.standing import STANDING, Retractable, StandingQuerySet, list_indexes
from clinic.permissions import hospital_ids
from clinic.vocabulary import Sex, SkinType

# PostgreSQL's texts hold every character but this one, and it refuses to compare with it
UNSTORABLE = "\0"


def _word(name: str, place: int) -> models.expressions.Combinable:
    # the first word is the beginning of the name, which may be typed further
    folded = Folded(name)
    return folded if place == 1 else SplitPart(folded, models.Value(" "), models.Value(place))


# as clinic 0014 has indexed them: "de la Fuente García" is one name of four words
SEARCHED: dict[str, models.expressions.Combinable] = {
    f"{name}_{place}": _word(name, place)
    for name in ("family_name", "given_name")
    for place in range(1, 5)
}

# as clinic 0017 has indexed them
ORDERED: dict[str, models.expressions.Combinable] = {
    f"{name}_in_order": InOrder(name) for name in ("family_name", "given_name")
}
BY_NAME = (*ORDERED, "medical_record_number", "id")


class PatientQuerySet(StandingQuerySet["Patient"]):
    def visible_to(self, user) -> "PatientQuerySet":
        return self.filter(hospital__in=hospital_ids(user))

    def numbered(self, number: str) -> "PatientQuerySet":
        """Those with this medical record number, in capitals or not: of those that stand, at most
        one at a hospital."""
        return (
            self.none()
            if UNSTORABLE in number
            else self.filter(medical_record_number__iexact=number)
        )

    def with_order(self) -> "PatientQuerySet":
        """With what ``BY_NAME`` puts them in order by: neither capitals nor the marks of letters
        matter."""
        return self.annotate(**ORDERED)

    def search(self, text: str) -> "PatientQuerySet":
        """Every word must begin the medical record number, or one of the first four words of
        one of the names; the marks of letters do not matter. "Family, given" is two words."""
        found = (self.none() if UNSTORABLE in text else self).alias(**SEARCHED)
        for word in filter(None, re.split(r",?\s+", text.strip().rstrip(","))):
            found = found.filter(models.Q(medical_record_number__istartswith=word) | named(word))
        return found


def named(word: str) -> models.Q:
    """By a word as it was typed, of which a hyphen makes several; by none of what is no name."""
    parts = (fold(word) or "").split()
    wanted = models.Q()
    for part in parts:
        wanted &= models.Q(*[(f"{name}__startswith", part) for name in SEARCHED], _connector="OR")
    return wanted if parts else models.Q(pk__in=[])


class Patient(Record, Retractable):
    patient_path = "pk"

    hospital = models.ForeignKey(Hospital, models.PROTECT, related_name="patients", db_index=False)
    medical_record_number = models.CharField(_("medical record number"), max_length=64)
    given_name = models.CharField(_("given name"), max_length=100, blank=True)
    family_name = models.CharField(_("family name"), max_length=100, blank=True)
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    sex = models.CharField(_("sex"), max_length=10, choices=Sex.choices, default=Sex.UNKNOWN)
    skin_type = models.CharField(
        _("skin type"), max_length=3, choices=SkinType.choices, null=True, blank=True
    )
    personal_history_of_melanoma = models.BooleanField(
        _("personal history of melanoma"), null=True, blank=True
    )
    family_history_of_melanoma = models.BooleanField(
        _("family history of melanoma"), null=True, blank=True
    )

    objects = PatientQuerySet.as_manager()

    class Meta:
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        ordering = ["family_name", "given_name", "medical_record_number"]
        indexes = list_indexes("patient")
        constraints = [
            # n-17 and N-17 are one number: people type it either way
            models.UniqueConstraint(
                "hospital",
                Upper("medical_record_number"),
                # the number of a patient who was entered in error is free again
                condition=STANDING,
                name="patient_mrn_is_unique_in_hospital",
            ),
            models.CheckConstraint(
                condition=~models.Q(medical_record_number=""), name="patient_has_mrn"
            ),
            models.CheckConstraint(
                condition=models.Q(sex__in=Sex.values), name="patient_sex_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(skin_type__isnull=True)
                | models.Q(skin_type__in=SkinType.values),
                name="patient_skin_type_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.medical_record_number

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.given_name, self.family_name) if part)

    @property
    def age(self) -> int | None:
        """Completed years today."""
        return (
            None
            if self.birth_date is None
            else years_between(self.birth_date, timezone.localdate())
        )


def years_between(birth: datetime.date, day: datetime.date) -> int:
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
