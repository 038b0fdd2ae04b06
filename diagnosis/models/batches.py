"""Many pictures of one patient that are taken in together.

A batch is the list of what was sent: each file became an image or says why it did not. How far the
reading is stands on the requests of those images and nowhere else.
"""

from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from clinic.models import Hospital, Image, Lesion, Patient, User
from clinic.models.base import Record
from clinic.models.standing import STANDING, StandingQuerySet, list_indexes
from clinic.permissions import hospital_ids
from clinic.vocabulary import ImageType
from diagnosis.failures import file_refusal_message
from diagnosis.models.model_versions import ModelVersion
from diagnosis.models.requests import iff

NAME_LENGTH = 255


class BatchQuerySet(StandingQuerySet["Batch"]):
    def visible_to(self, user) -> "BatchQuerySet":
        return self.filter(hospital__in=hospital_ids(user))

    def with_records(self) -> "BatchQuerySet":
        return self.select_related(
            "patient__hospital", "lesion__patient__hospital", "model_version", "created_by"
        )


class Batch(Record):
    """Read by one model version, which stays the same for files that come later."""

    patient_path = "patient"

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="batches")
    # the patient's, so that a hospital's batches are a range of an index; triggers keep it true
    hospital = models.ForeignKey(
        Hospital, models.PROTECT, related_name="+", db_index=False, editable=False
    )
    # none: every picture is of a lesion of its own
    lesion = models.ForeignKey(Lesion, models.PROTECT, null=True, related_name="+")
    model_version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="+")
    image_type = models.CharField(
        _("image type"), max_length=20, choices=ImageType.choices, default=ImageType.DERMOSCOPIC
    )
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    # the patient's or the lesion's; triggers keep it true
    entered_in_error_at = models.DateTimeField(null=True, editable=False)

    objects = BatchQuerySet.as_manager()

    class Meta:
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ["-created_at", "id"]
        indexes = [
            *list_indexes("batch"),
            models.Index(
                fields=["created_by", "-created_at", "id"], condition=STANDING, name="batch_of_user"
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(image_type__in=ImageType.values), name="batch_image_type_is_known"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)[:8]

    @property
    def is_standing(self) -> bool:
        return self.entered_in_error_at is None

    @property
    def holder(self) -> Lesion | Patient:
        """What all its pictures are of, which is marked with it where it was entered in error."""
        return self.lesion or self.patient


class BatchFileQuerySet(models.QuerySet["BatchFile"]):
    def standing(self) -> "BatchFileQuerySet":
        """Without those whose picture was entered in error."""
        return self.filter(image__entered_in_error_at__isnull=True)


class BatchFile(Record):
    """One file of a batch: an image, or the reason why there is none."""

    batch = models.ForeignKey(Batch, models.PROTECT, related_name="files")
    # chosen once by the client for each file: a repetition finds this row
    key = models.CharField(max_length=100, validators=[MinLengthValidator(1)])
    # what the client called the file; never a name in the storage
    name = models.CharField(max_length=NAME_LENGTH)
    # SHA-256 of the file as it was sent
    digest = models.CharField(max_length=64)
    image = models.OneToOneField(Image, models.PROTECT, null=True, related_name="batch_file")
    # under which other names the same picture came
    other_names = models.JSONField(default=list, db_default=[], editable=False)
    error_code = models.CharField(max_length=50, blank=True)
    # what the sentence says beside its words (clinic/refusals.py)
    error_values = models.JSONField(default=dict, db_default={}, editable=False)
    # the whole sentence, in the language of who sent the file: only where a version before
    # migration 0022 wrote it, and its values were not found in it
    error_message = models.CharField(max_length=500, blank=True, editable=False)

    objects = BatchFileQuerySet.as_manager()

    class Meta:
        verbose_name = _("file of a batch")
        verbose_name_plural = _("files of a batch")
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["batch", "key"], name="batch_file_key_is_unique_in_batch"
            ),
            models.UniqueConstraint(
                fields=["batch", "digest"],
                condition=Q(image__isnull=False),
                name="batch_file_picture_is_unique_in_batch",
            ),
            models.CheckConstraint(
                condition=iff(Q(image__isnull=True), ~Q(error_code="")),
                name="batch_file_without_image_has_error",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)[:8]

    @property
    def refusal(self) -> str:
        """Why there is no image, in the language of who asks."""
        return self.error_message or file_refusal_message(self.error_code, self.error_values)
