"""One photograph of a lesion. The file is what clinic.imaging made of the upload."""

import datetime

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from clinic.models.base import Record
from clinic.models.hospitals import Hospital
from clinic.models.lesions import Lesion
from clinic.models.standing import Retractable, StandingQuerySet, list_indexes
from clinic.models.users import User
from clinic.permissions import hospital_ids
from clinic.vocabulary import DermoscopicType, ImageType


class ImageQuerySet(StandingQuerySet["Image"]):
    def visible_to(self, user) -> "ImageQuerySet":
        return self.filter(hospital__in=hospital_ids(user))

    def last_taken_first(self) -> "ImageQuerySet":
        return self.order_by(Coalesce("captured_at", "created_at").desc(), "id")


class Image(Record, Retractable):
    patient_path = "lesion__patient"

    lesion = models.ForeignKey(Lesion, models.PROTECT, related_name="images")
    # the lesion's, for the same reason
    hospital = models.ForeignKey(
        Hospital, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    image_type = models.CharField(
        _("image type"), max_length=20, choices=ImageType.choices, default=ImageType.DERMOSCOPIC
    )
    dermoscopic_type = models.CharField(
        _("dermoscopy"), max_length=25, choices=DermoscopicType.choices, null=True, blank=True
    )
    captured_at = models.DateTimeField(_("captured"), null=True, blank=True)
    # measured on this picture by a person, against the scale of the dermatoscope or a ruler
    diameter_mm = models.DecimalField(
        _("largest diameter (mm)"), max_digits=5, decimal_places=2, null=True, blank=True
    )
    # keys of the storage: random, never the client's file name
    file = models.FileField(max_length=200, editable=False)
    thumbnail = models.FileField(max_length=200, editable=False)
    media_type = models.CharField(max_length=20, editable=False)
    byte_size = models.PositiveIntegerField(editable=False)
    width = models.PositiveIntegerField(editable=False)
    height = models.PositiveIntegerField(editable=False)
    # of the stored file
    sha256 = models.CharField(max_length=64, editable=False)
    # clinic.quality.Quality as a dictionary
    quality = models.JSONField(default=dict, editable=False)
    uploaded_by = models.ForeignKey(User, models.PROTECT, related_name="+", editable=False)

    objects = ImageQuerySet.as_manager()

    class Meta:
        verbose_name = _("image")
        verbose_name_plural = _("images")
        ordering = ["-created_at", "id"]
        indexes = [
            *list_indexes("image"),
            # the same picture of another patient
            models.Index(fields=["hospital", "sha256"], name="image_by_hash"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["lesion", "sha256"], name="image_hash_is_unique_in_lesion"
            ),
            models.CheckConstraint(
                condition=models.Q(image_type__in=ImageType.values), name="image_type_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(dermoscopic_type__isnull=True)
                | models.Q(
                    image_type=ImageType.DERMOSCOPIC, dermoscopic_type__in=DermoscopicType.values
                ),
                name="image_dermoscopic_type_fits_image_type",
            ),
            models.CheckConstraint(
                condition=models.Q(diameter_mm__isnull=True) | models.Q(diameter_mm__gt=0),
                name="image_diameter_is_positive",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)[:8]

    @property
    def taken(self) -> datetime.datetime:
        """When the photograph was made, or where nobody said so, when it was sent."""
        return self.captured_at or self.created_at
