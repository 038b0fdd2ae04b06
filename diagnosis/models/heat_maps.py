"""Where the model looked: ordered when somebody first looks at an answer, drawn by a worker.

The row is the order, as a diagnosis request is that of a reading. It is drawn when it has a key of
the storage, and failed when it has a code; else it waits, or a worker draws it under a lease.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from clinic.models.base import Record
from clinic.permissions import hospital_ids
from diagnosis.models.requests import DiagnosisRequest, iff

WAITING = Q(key="", failure_code="")


class HeatMapQuerySet(models.QuerySet["HeatMap"]):
    def visible_to(self, user) -> "HeatMapQuerySet":
        return self.filter(request__hospital__in=hospital_ids(user))

    def waiting(self) -> "HeatMapQuerySet":
        """Those that a worker may draw now, the oldest first."""
        free = Q(lease_expires_at=None) | Q(lease_expires_at__lt=timezone.now())
        return self.filter(WAITING, free).order_by("created_at", "id")


class HeatMap(Record):
    request = models.OneToOneField(
        DiagnosisRequest, models.PROTECT, related_name="heat_map", editable=False
    )
    # a random key of the storage: a PNG, at most SIDE pixels wide and high
    key = models.CharField(max_length=200, blank=True, editable=False)
    drawn_at = models.DateTimeField(null=True, editable=False)
    failure_code = models.CharField(max_length=50, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    # until when a worker is believed to draw it, or when it is to be tried again
    lease_expires_at = models.DateTimeField(null=True, editable=False)

    objects = HeatMapQuerySet.as_manager()

    class Meta:
        verbose_name = "heat map"
        verbose_name_plural = "heat maps"
        indexes = [
            models.Index(fields=["created_at", "id"], condition=WAITING, name="heat_map_queue")
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(key="") | Q(failure_code=""), name="heat_map_is_drawn_or_failed"
            ),
            models.CheckConstraint(
                condition=iff(~Q(key=""), Q(drawn_at__isnull=False)), name="heat_map_drawn_has_time"
            ),
        ]

    def __str__(self) -> str:
        return f"heat map of {self.request_id}"

    @property
    def waits(self) -> bool:
        return not self.key and not self.failure_code
