"""What a model saw in an image, in numbers: the row of features from which its head answered."""

from django.db import models
from django.db.models import Q

from clinic.models import Image
from clinic.permissions import hospital_ids
from diagnosis.models.model_versions import ModelVersion


class ImageFeaturesQuerySet(models.QuerySet["ImageFeatures"]):
    def visible_to(self, user) -> "ImageFeaturesQuerySet":
        return self.filter(image__hospital__in=hospital_ids(user))


class ImageFeatures(models.Model):
    """One row an image and model version, written with each reading; worth nothing to another
    version. It can be computed again, so it goes with its image.

    ``values`` are little-endian half-precision numbers (diagnosis/services/features.py).
    """

    image = models.ForeignKey(
        Image, models.CASCADE, related_name="features", db_index=False, editable=False
    )
    model_version = models.ForeignKey(
        ModelVersion, models.CASCADE, related_name="+", db_index=False, editable=False
    )
    values = models.BinaryField()

    objects = ImageFeaturesQuerySet.as_manager()

    class Meta:
        verbose_name = "features of an image"
        verbose_name_plural = "features of images"
        constraints = [
            models.UniqueConstraint(
                fields=["image", "model_version"], name="features_are_one_row_per_image_and_model"
            ),
            models.CheckConstraint(condition=~Q(values=b""), name="features_have_values"),
        ]

    def __str__(self) -> str:
        return f"{len(self.values) // 2} features of {self.image_id}"
