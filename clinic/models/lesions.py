"""One mark on one patient's skin, the same one over the years."""

from functools import cached_property

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from clinic.models.base import Record
from clinic.models.hospitals import Hospital
from clinic.models.patients import Patient
from clinic.models.standing import Retractable, StandingQuerySet, list_indexes
from clinic.permissions import hospital_ids
from clinic.vocabulary import AnatomSite, BodyView, Laterality

UNNAMED = _("Lesion %(number)d")
UNIT = [MinValueValidator(0.0), MaxValueValidator(1.0)]


def place_in_words(site: str, side: str) -> str:
    return f"{site}, {side.lower()}" if site and side else site or side


def title_in_words(number: int, name: str, unnamed: str | Promise = UNNAMED) -> str:
    """``name`` is the label or the place, empty for a lesion that has neither."""
    return f"{number} · {name}" if name else str(unnamed) % {"number": number}


class LesionQuerySet(StandingQuerySet["Lesion"]):
    def visible_to(self, user) -> "LesionQuerySet":
        return self.filter(hospital__in=hospital_ids(user))


class Lesion(Record, Retractable):
    patient_path = "patient"

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="lesions")
    # the patient's, so that a hospital's lesions are a range of an index; triggers keep it true
    # (docs/decisions/0034-a-list-is-of-one-hospital.md)
    hospital = models.ForeignKey(
        Hospital, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    label = models.CharField(_("label"), max_length=100, blank=True)
    anatom_site = models.CharField(
        _("anatomical site"), max_length=20, choices=AnatomSite.choices, null=True, blank=True
    )
    laterality = models.CharField(
        _("laterality"), max_length=10, choices=Laterality.choices, null=True, blank=True
    )
    # where the dot stands on the figure: 0 to 1 from the left and from the top of that view
    body_view = models.CharField(max_length=5, choices=BodyView.choices, null=True, blank=True)
    body_x = models.FloatField(null=True, blank=True, validators=UNIT)
    body_y = models.FloatField(null=True, blank=True, validators=UNIT)
    diameter_mm = models.DecimalField(
        _("diameter (mm)"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0.01)],
    )
    first_noticed = models.DateField(_("first noticed"), null=True, blank=True)
    notes = models.TextField(_("notes"), blank=True, max_length=5000)

    objects = LesionQuerySet.as_manager()

    class Meta:
        verbose_name = _("lesion")
        verbose_name_plural = _("lesions")
        ordering = ["-created_at", "id"]
        indexes = list_indexes("lesion")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(anatom_site__isnull=True)
                | models.Q(anatom_site__in=AnatomSite.values),
                name="lesion_anatom_site_is_known",
            ),
            models.CheckConstraint(
                condition=models.Q(laterality__isnull=True)
                | models.Q(laterality__in=Laterality.values),
                name="lesion_laterality_is_known",
            ),
            models.CheckConstraint(
                # a comparison with NULL is no refusal, so that every part is asked for by name
                condition=models.Q(body_view__isnull=True, body_x__isnull=True, body_y__isnull=True)
                | models.Q(
                    body_view__isnull=False,
                    body_x__isnull=False,
                    body_y__isnull=False,
                    body_view__in=BodyView.values,
                    body_x__gte=0,
                    body_x__lte=1,
                    body_y__gte=0,
                    body_y__lte=1,
                ),
                name="lesion_body_map_is_whole_or_absent",
            ),
            models.CheckConstraint(
                condition=models.Q(diameter_mm__isnull=True) | models.Q(diameter_mm__gt=0),
                name="lesion_diameter_is_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.label or str(self.id)[:8]

    @property
    def place(self) -> str:
        # for each row of a list: get_FOO_display goes through all the words each time
        side = str(Laterality(self.laterality).label) if self.laterality else ""
        site = str(AnatomSite(self.anatom_site).label) if self.anatom_site else ""
        return place_in_words(site, side)

    @property
    def title(self) -> str:
        """By which it is told apart from the patient's others, on every page and printout."""
        return title_in_words(self.number, self.label or self.place)

    @cached_property
    def number(self) -> int:
        """Among all of the patient's lesions as they were recorded, those entered in error too, so
        that each keeps it. For many at once: clinic.services.lesions.number_lesions, and
        number_in_query for rows that are streamed."""
        same_time = models.Q(created_at=self.created_at, pk__lt=self.pk)
        earlier = models.Q(created_at__lt=self.created_at) | same_time
        return Lesion.objects.filter(earlier, patient=self.patient_id).count() + 1
