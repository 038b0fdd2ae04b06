"""Which workers are there: each says so every few seconds."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Worker(models.Model):
    name = models.CharField(_("name"), max_length=200, primary_key=True)
    device = models.CharField(_("device"), max_length=100, blank=True)
    reads = models.BooleanField(_("reads images"), default=False)
    # the model that could not be loaded, for the readiness check
    problem = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField(_("started"))
    seen_at = models.DateTimeField(_("seen"))

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")

    def __str__(self) -> str:
        return self.name
