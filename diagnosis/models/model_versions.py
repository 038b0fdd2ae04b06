"""One checkpoint with its classes, preprocessing, thresholds and measured quality."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from clinic.models import Hospital
from clinic.models.base import Record
from ml.taxonomy import BY_CODE


class ModelVersion(Record):
    """Registered by the platform's operator, for every hospital; never edited.

    ``manifest`` is the checkpoint's manifest.json; ``folder`` its folder below CHECKPOINT_ROOT.
    """

    called_by = ("name", "version")

    name = models.CharField(_("name"), max_length=100)
    version = models.CharField(_("version"), max_length=50)
    folder = models.CharField(max_length=200, unique=True, editable=False)
    sha256 = models.CharField(max_length=64, editable=False)
    manifest = models.JSONField(editable=False)
    card = models.TextField(_("model card"), blank=True, editable=False)

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="model_version_is_unique")
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def path(self) -> Path:
        return Path(settings.CHECKPOINT_ROOT) / self.folder

    @property
    def labels(self) -> list[str]:
        """The model's classes as the API's labels, in the order of its outputs."""
        return [BY_CODE[code].label for code in self.manifest["classes"]]

    @property
    def thresholds(self) -> dict[str, Any]:
        return self.manifest["thresholds"]


class ModelPolicy(models.Model):
    """Which model version reads for a hospital: exactly one."""

    hospital = models.OneToOneField(
        Hospital, models.PROTECT, primary_key=True, related_name="model_policy"
    )
    model_version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="policies")
    activated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("model policy")
        verbose_name_plural = _("model policies")

    def __str__(self) -> str:
        return f"{self.hospital}: {self.model_version}"
