"""Tokens of the API: a secret that is shown once and kept as a hash."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clinic.models.base import Record
from clinic.models.users import User


class Scope(models.TextChoices):
    READ = "read", _("Read records and readings")
    WRITE = "write", _("Write patients, lesions, images and reviews")
    DIAGNOSE = "diagnose", _("Order readings")
    ADMIN = "admin", _("Administer: models, audit events")


class ApiToken(Record):
    called_by = ("name",)

    user = models.ForeignKey(User, models.CASCADE, related_name="tokens")
    name = models.CharField(_("name"), max_length=100)
    # SHA-256 of the secret: it has 256 random bits, so a slow password hash would add nothing
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(_("scopes"), default=list)
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_usable(self) -> bool:
        return self.revoked_at is None and self.expires_at > timezone.now()
