"""First answers to POST requests, kept for a day so that a repetition does nothing twice."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from clinic.models.users import User


class IdempotencyKey(models.Model):
    """A key that a client chose for one request. Without ``status`` the request still runs."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    # SHA-256 over method, address, body and files of the request
    digest = models.CharField(max_length=64)
    # who runs it: a process that was taken over finds another claim here
    claim = models.UUIDField(default=uuid.uuid4, unique=True)
    claimed_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(blank=True)
    location = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name = _("idempotency key")
        verbose_name_plural = _("idempotency keys")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "key"], name="idempotency_key_is_unique_per_user"
            ),
            models.CheckConstraint(
                condition=models.Q(status__isnull=True) | models.Q(status__gte=200, status__lt=300),
                name="idempotency_key_remembers_successes",
            ),
        ]

    def __str__(self) -> str:
        return str(self.claim)[:8]
