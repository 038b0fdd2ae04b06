"""Who did or saw what: rows that are only ever inserted, each chained to the one before by hash."""

from collections.abc import Collection, Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from clinic.models.hospitals import Hospital
from clinic.models.users import User
from clinic.permissions import hospital_ids

MOST_OF_RECORDS = 1_000_000


class AuditChain(models.Model):
    """The head of one hospital's chain, or of the platform's own (no hospital)."""

    key = models.CharField(max_length=36, primary_key=True)
    length = models.PositiveBigIntegerField(default=0)
    head = models.CharField(max_length=64, default="")

    def __str__(self) -> str:
        return self.key


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def visible_to(self, user) -> "AuditEventQuerySet":
        return self.filter(hospital_id__in=hospital_ids(user, "administrator"))

    def matching(self, wanted: Mapping[str, Any]) -> "AuditEventQuerySet":
        """Those of the ``actor``, ``action`` and ``object_id`` that are given."""
        names = ("actor", "action", "object_id")
        return self.filter(**{name: wanted[name] for name in names if wanted.get(name)})

    def of_records(self, keys: Collection[str]) -> "AuditEventQuerySet":
        """Those of the rows so far that name one of these records."""
        found = self.filter(object_id__in=keys).order_by().values("pk")
        # the limit, which no patient reaches, keeps the database from merging both queries: of many
        # keys it would guess many events, and walk through all of the hospital by time for a page
        return AuditEvent.objects.filter(pk__in=found[:MOST_OF_RECORDS])


class AuditEvent(models.Model):
    """One access or change. Database triggers refuse to update or delete it."""

    id = models.BigAutoField(primary_key=True)
    chain = models.ForeignKey(AuditChain, models.PROTECT, related_name="events", db_index=False)
    sequence = models.PositiveBigIntegerField()
    hospital = models.ForeignKey(
        Hospital, models.PROTECT, null=True, related_name="+", db_index=False
    )
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    at = models.DateTimeField(_("time"))
    # verb and noun, for example "view_patient"
    action = models.CharField(_("action"), max_length=50)
    object_type = models.CharField(max_length=50, blank=True)
    object_id = models.CharField(max_length=36, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    # keys and codes, never names or free text
    details = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit event")
        verbose_name_plural = _("audit events")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["hospital", "-at", "-id"], name="audit_by_hospital"),
            models.Index(
                fields=["hospital", "actor", "-at", "-id"],
                include=["action"],
                name="audit_by_actor",
            ),
            models.Index(fields=["hospital", "action", "-at", "-id"], name="audit_by_action"),
            models.Index(fields=["hospital", "object_id", "-at", "-id"], name="audit_by_object"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["chain", "sequence"], name="audit_event_has_one_successor"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_type} {self.object_id}"
