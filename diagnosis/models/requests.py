"""A doctor's or an integration's order: read this image with this model version.

The row is the queue entry. Its state is one column; constraints tie that to the lease, the
timestamps, the prediction and the failure code.
"""

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from clinic.models import Hospital, Image, User
from clinic.models.base import Record
from clinic.models.standing import STANDING, StandingQuerySet
from clinic.permissions import hospital_ids
from diagnosis.interpretation import RISK_NAMES, Risk
from diagnosis.models.model_versions import ModelVersion
from diagnosis.models.predictions import Prediction
from diagnosis.models.settings import HospitalSettings
from ml.taxonomy import BY_ANSWER


class Status(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Reading")
    SUCCEEDED = "succeeded", _("Read")
    FAILED = "failed", _("Failed")
    REJECTED = "rejected", _("Not readable as a lesion")
    CANCELLED = "cancelled", _("Cancelled")


OPEN = (Status.QUEUED, Status.RUNNING)
FINISHED = (Status.SUCCEEDED, Status.FAILED, Status.REJECTED, Status.CANCELLED)
UNANSWERED = (Status.FAILED, Status.REJECTED)


# of a request without a prediction: below every one that was read
UNREAD = -1
# the worklist: everything that still asks something of a doctor
WAITS = Q(conclusion="") & ~Q(status="cancelled") & STANDING


class Priority(models.IntegerChoices):
    """The lower number is read first."""

    INTERACTIVE = 0, _("Interactive")
    BULK = 1, _("Bulk")


class DiagnosisRequestQuerySet(StandingQuerySet["DiagnosisRequest"]):
    def visible_to(self, user) -> "DiagnosisRequestQuerySet":
        return self.filter(hospital__in=hospital_ids(user))

    def waiting(self) -> "DiagnosisRequestQuerySet":
        """The queue, in the order in which it is read."""
        return self.filter(status=Status.QUEUED).order_by("priority", "created_at", "id")

    def unsigned(self) -> "DiagnosisRequestQuerySet":
        """What waits for a doctor: not signed, not cancelled, not entered in error."""
        return self.filter(WAITS)

    def with_records(self) -> "DiagnosisRequestQuerySet":
        """With everything that a row of a list shows, in five queries.

        Model versions are fetched once each, not joined to every row: their manifests are large.
        """
        models_once = models.Prefetch("model_version", ModelVersion.objects.defer("card"))
        return self.select_related(
            "image__lesion__patient", "hospital", "prediction", "requested_by", "settings"
        ).prefetch_related(models_once, "reviews__signed_by", "reviews__author")


def iff(condition: Q, other: Q) -> Q:
    """Both or neither."""
    return (condition & other) | (~condition & ~other)


def severity_fits_class() -> Q:
    """Each class with its severity (ml/taxonomy.py), and none without a class."""
    fits = Q(label="", severity=UNREAD)
    for label, entry in BY_ANSWER.items():
        fits |= Q(label=label, severity=entry.severity)
    return fits


class DiagnosisRequest(Record):
    patient_path = "image__lesion__patient"

    image = models.ForeignKey(Image, models.PROTECT, related_name="requests")
    # the image's, so that queue and lists are ranges of an index; triggers keep it true
    hospital = models.ForeignKey(Hospital, models.PROTECT, related_name="+", db_index=False)
    model_version = models.ForeignKey(ModelVersion, models.PROTECT, related_name="requests")
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    priority = models.PositiveSmallIntegerField(
        choices=Priority.choices, default=Priority.INTERACTIVE
    )
    status = models.CharField(
        _("state"), max_length=10, choices=Status.choices, default=Status.QUEUED
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    # who reads it now, and until when that is believed
    lease = models.UUIDField(null=True, editable=False, db_index=True)
    lease_expires_at = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    prediction = models.OneToOneField(
        Prediction, models.PROTECT, null=True, editable=False, related_name="request"
    )
    failure_code = models.CharField(max_length=50, blank=True, editable=False)
    # the X-Request-ID of the call that ordered it: the worker's log lines carry it too
    trace_id = models.CharField(max_length=64, blank=True, editable=False)

    # The next columns repeat what stands in prediction and review, so that the worklist and the
    # reports are read from an index (docs/decisions/0010-lists-are-read-from-an-index.md).
    # Triggers keep them true: request_reading_is_the_prediction_s, review_signs_its_request,
    # request_recalls_its_lesion, image_closes_recalls, finding_is_told_to_requests,
    # image_is_entered_in_error.
    label = models.CharField(_("class"), max_length=50, blank=True, editable=False)
    malignancy = models.FloatField(_("malignancy"), default=UNREAD, editable=False)
    severity = models.SmallIntegerField(_("severity"), default=UNREAD, editable=False)
    # the band in which the malignancy lay when it was read, by these settings of the hospital
    risk = models.CharField(
        _("risk"),
        max_length=6,
        choices=[(risk.value, name) for risk, name in RISK_NAMES.items()],
        blank=True,
        editable=False,
    )
    settings = models.ForeignKey(
        HospitalSettings, models.PROTECT, null=True, editable=False, related_name="+"
    )
    # the signed review that counts, what it concludes, and when the first one was signed
    signed_review = models.OneToOneField(
        "diagnosis.Review", models.PROTECT, null=True, editable=False, related_name="+"
    )
    conclusion = models.CharField(max_length=50, blank=True, editable=False)
    reviewed_at = models.DateTimeField(null=True, editable=False)
    # when the lesion is to be seen again; none where that is not asked for, or was done
    recall_on = models.DateField(null=True, editable=False)
    # of a reading: the newest histopathology of the lesion
    finding = models.CharField(max_length=50, null=True, editable=False)
    # the image's
    entered_in_error_at = models.DateTimeField(null=True, editable=False)

    objects = DiagnosisRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("diagnosis request")
        verbose_name_plural = _("diagnosis requests")
        ordering = ["-created_at", "id"]
        indexes = [
            models.Index(
                fields=["priority", "created_at", "id"],
                condition=Q(status="queued"),
                name="request_queue",
            ),
            models.Index(
                fields=["lease_expires_at"], condition=Q(status="running"), name="request_leases"
            ),
            # all that a report counts and a filter asks for lies in the index
            models.Index(
                fields=["hospital", "-created_at", "id"],
                condition=STANDING,
                include=[
                    "status",
                    "label",
                    "risk",
                    "conclusion",
                    "reviewed_at",
                    "finished_at",
                    "model_version",
                    "malignancy",
                    "requested_by",
                    "finding",
                ],
                name="request_by_hospital",
            ),
            models.Index(
                fields=["hospital", "-malignancy", "-severity", "created_at", "id"],
                condition=WAITS,
                include=["status", "risk", "finished_at", "label", "requested_by"],
                name="request_worklist",
            ),
            models.Index(
                fields=["hospital", "-malignancy", "id"],
                condition=STANDING,
                name="request_by_malignancy",
            ),
            models.Index(
                fields=["hospital", "-created_at", "id"],
                condition=Q(finding__isnull=False) & STANDING,
                include=["status", "label", "conclusion", "finding", "model_version", "image"],
                name="request_confirmed",
            ),
            # a class that is rare or never there
            models.Index(
                fields=["hospital", "label", "-created_at", "id"],
                condition=STANDING,
                include=["status", "conclusion", "risk", "requested_by"],
                name="request_by_label",
            ),
            models.Index(
                fields=["hospital", "-created_at", "id"],
                condition=Q(status="cancelled") & STANDING,
                name="request_cancelled",
            ),
            models.Index(
                fields=["hospital", "recall_on", "id"],
                condition=Q(recall_on__isnull=False),
                name="request_recalls",
            ),
            models.Index(
                fields=["hospital", "-created_at", "id"],
                condition=~STANDING,
                name="request_entered_in_error",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="request_status_is_known"
            ),
            models.CheckConstraint(
                condition=Q(priority__in=Priority.values), name="request_priority_is_known"
            ),
            models.CheckConstraint(
                condition=iff(Q(status="succeeded"), Q(prediction__isnull=False)),
                name="request_succeeded_has_prediction",
            ),
            models.CheckConstraint(
                condition=iff(Q(status__in=["failed", "rejected"]), ~Q(failure_code="")),
                name="request_failed_has_code",
            ),
            models.CheckConstraint(
                condition=Q(status="running", lease__isnull=False, lease_expires_at__isnull=False)
                | (~Q(status="running") & Q(lease__isnull=True, lease_expires_at__isnull=True)),
                name="request_running_has_lease",
            ),
            models.CheckConstraint(
                condition=Q(status="queued", started_at__isnull=True)
                | Q(status="cancelled")
                | (~Q(status__in=["queued", "cancelled"]) & Q(started_at__isnull=False)),
                name="request_started_has_time",
            ),
            models.CheckConstraint(
                condition=iff(
                    Q(status__in=["succeeded", "failed", "rejected", "cancelled"]),
                    Q(finished_at__isnull=False),
                ),
                name="request_finished_has_time",
            ),
            models.CheckConstraint(
                condition=severity_fits_class(), name="request_severity_is_the_class_s"
            ),
            models.CheckConstraint(
                condition=Q(label="", risk="")
                | (~Q(label="") & Q(risk__in=[risk.value for risk in Risk])),
                name="request_read_has_risk",
            ),
            models.UniqueConstraint(
                fields=["image", "model_version"],
                condition=Q(status__in=["queued", "running"]),
                name="request_open_is_unique_per_image_and_model",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)[:8]

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def is_standing(self) -> bool:
        return self.entered_in_error_at is None

    @property
    def waits_for_review(self) -> bool:
        return self.status == Status.SUCCEEDED and self.signed_review_id is None

    def note_reading(self, prediction: Prediction, risk: Risk) -> None:
        """Point to what the model answered, with the columns that lists are sorted by; unsaved."""
        self.prediction = prediction
        self.label, self.malignancy = prediction.label, prediction.malignancy_probability
        self.severity = BY_ANSWER[prediction.label].severity
        self.risk = risk.value

    @property
    def thresholds(self) -> dict[str, Any]:
        """Of the model version, under the bands of the hospital that were in force."""
        own = self.settings.bands if self.settings is not None else {}
        return self.model_version.thresholds | own

    @property
    def review(self):
        """The review that counts: the last signed one, else the draft, else None."""
        reviews = list(self.reviews.all())
        signed = [review for review in reviews if review.signed_at is not None]
        if signed:
            return max(signed, key=lambda review: review.signed_at)
        return reviews[0] if reviews else None
