"""What the model answered. Written once; database triggers refuse to change it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from clinic.models.base import Record


class Prediction(Record):
    """Probabilities over exactly the classes of the request's model version.

    That they sum to 1 within 1e-6 is checked by a database trigger
    (``prediction_probabilities_sum_to_one``).
    """

    # the API's label of each class to its probability
    probabilities = models.JSONField(editable=False)
    # the most probable class and its probability, and the sum over the malignant ones
    label = models.CharField(_("class"), max_length=50, editable=False)
    probability = models.FloatField(_("probability"), editable=False)
    malignancy_probability = models.FloatField(_("malignancy"), editable=False)
    # how far the picture lies from what the model has seen; none for a model that cannot tell
    outlier_score = models.FloatField(null=True, editable=False)
    # how much of the edge of what the model saw is lesion, by its own drawing; none for a model
    # that draws no outline
    edge_share = models.FloatField(null=True, editable=False)
    # of the patient's other images, those that the model looked at too; none for one that looks at
    # one image alone
    others_used = models.PositiveSmallIntegerField(null=True, editable=False)
    # where it was read and how long the whole batch was on the device
    device = models.CharField(max_length=100, blank=True, editable=False)
    batch_size = models.PositiveIntegerField(default=1, editable=False)
    seconds = models.FloatField(default=0, editable=False)

    class Meta:
        verbose_name = _("prediction")
        verbose_name_plural = _("predictions")
        indexes = [
            models.Index(fields=["-malignancy_probability"], name="prediction_by_malignancy")
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(probability__gte=0, probability__lte=1)
                & models.Q(malignancy_probability__gte=0, malignancy_probability__lte=1),
                name="prediction_probabilities_are_probabilities",
            ),
            models.CheckConstraint(condition=~models.Q(label=""), name="prediction_has_label"),
        ]

    def __str__(self) -> str:
        return f"{self.label} {self.probability:.3f}"
