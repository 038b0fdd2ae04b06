"""The queue: rows of DiagnosisRequest, claimed by workers with a lease.

PostgreSQL remembers, Celery only rings the bell. Nothing here depends on a message arriving: a
lost bell is rung again by ``sweep``, and a lease that nobody renews runs out.
"""

import datetime
import logging
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from diagnosis.bulk import update_rows
from diagnosis.failures import REFUSALS
from diagnosis.interpretation import risk_of
from diagnosis.metrics import ANSWER, BATCH, READINGS, SWEEPS, timing
from diagnosis.models import (
    DiagnosisRequest,
    HeatMap,
    ModelVersion,
    Prediction,
    Priority,
    Status,
)
from diagnosis.models.requests import DiagnosisRequestQuerySet
from diagnosis.services.features import keep_features
from diagnosis.services.settings import settings_in_force
from ml.taxonomy import BY_ANSWER

logger = logging.getLogger(__name__)

# the rows that a worker of this setting (NEVUS_CLAIM) claims
CLAIMED = {"interactive": Priority.INTERACTIVE, "bulk": Priority.BULK}

MAXIMUM_ATTEMPTS = 3
OWN_BELL_SECONDS = 5.0
# PostgreSQL's code of the error
DEADLOCK = "40P01"


@dataclass(frozen=True)
class Claim:
    """Rows that one worker owns until ``lease`` runs out, all for the same model version."""

    lease: uuid.UUID
    model_version: ModelVersion
    requests: list[DiagnosisRequest]

    @property
    def is_bulk(self) -> bool:
        """Whether no doctor waits for any of them."""
        return all(request.priority == Priority.BULK for request in self.requests)


@dataclass(frozen=True)
class Answer:
    """What a worker found out about one request: probabilities by label, or a failure code.

    A ``final`` failure is not tried again. ``outlier_score`` is how far the picture lies from what
    the model has seen, ``edge_share`` how much of the edge of what it sees is lesion, where it can
    tell. ``features`` are packed (diagnosis/services/features.py);
    ``others_used`` counts the patient's other images that the model looked at, where it does.
    """

    request_id: uuid.UUID
    probabilities: dict[str, float] | None = None
    malignancy: float = 0.0
    outlier_score: float | None = None
    edge_share: float | None = None
    features: bytes = b""
    others_used: int | None = None
    failure: str = ""
    final: bool = False


@dataclass(frozen=True)
class Run:
    """The circumstances of one batch, kept with each of its predictions."""

    device: str
    batch_size: int
    seconds: float


def ring_bell() -> bool:
    """Tell the workers that something waits; False where the broker is down (the sweep rings).

    A worker that reads only bulk rings for itself: it must not take the bell of an interactive
    order from those who would answer it.
    """
    own = settings.NEVUS_CLAIM == "bulk"
    try:
        if own:
            # it rings again with its next heartbeat: bells do not pile up while it reads
            current_app.send_task("diagnosis.read_queued", queue="bulk", expires=OWN_BELL_SECONDS)
        else:
            current_app.send_task("diagnosis.read_queued", queue="inference")
    except (OperationalError, OSError) as error:
        logger.warning("the bell could not be rung: %s", type(error).__name__)
        return False
    return True


def lease_end() -> datetime.datetime:
    return timezone.now() + datetime.timedelta(seconds=settings.NEVUS_LEASE_SECONDS)


def waiting() -> DiagnosisRequestQuerySet:
    """What this worker may claim, in the order in which it is read."""
    rows = DiagnosisRequest.objects.waiting()
    priority = CLAIMED.get(settings.NEVUS_CLAIM)
    return rows if priority is None else rows.filter(priority=priority)


def ring_own_bell() -> bool:
    """A worker that reads only bulk asks by itself whether something waits; True where it does."""
    return settings.NEVUS_CLAIM == "bulk" and waiting().exists() and ring_bell()


def next_model() -> ModelVersion | None:
    """The model of what would be claimed next; None where nothing waits."""
    first = waiting().select_related("model_version").first()
    return None if first is None else first.model_version


@timing("claim")
@transaction.atomic
def claim_batch(
    *, limit: int, without: Collection[uuid.UUID] = (), but: Collection[uuid.UUID] = ()
) -> Claim | None:
    """Own the next rows of the queue, up to ``limit``; None where nothing waits.

    A row that was tried before is read alone: if it is what kills workers, it takes no neighbour
    with it. The rows ``but``, and those of the model versions ``without``, are left for others.
    """
    free = waiting().exclude(model_version__in=without).exclude(pk__in=but)
    free = free.select_for_update(skip_locked=True, of=("self",))
    first = free.select_related("model_version").first()
    if first is None:
        return None
    keys = [first.pk]
    if first.attempts == 0:
        same = free.filter(model_version=first.model_version_id, attempts=0)
        keys = list(same.values_list("pk", flat=True)[:limit])
    lease = uuid.uuid4()
    DiagnosisRequest.objects.filter(pk__in=keys, status=Status.QUEUED).update(
        status=Status.RUNNING,
        lease=lease,
        lease_expires_at=lease_end(),
        started_at=timezone.now(),
        attempts=F("attempts") + 1,
    )
    claimed = DiagnosisRequest.objects.filter(lease=lease).select_related("image__lesion")
    requests = list(claimed.order_by("priority", "created_at", "id"))
    for request in requests:
        request.model_version = first.model_version  # joined to each row, its manifest would weigh
    BATCH.labels(str(first.model_version)).observe(len(requests))
    return Claim(lease, first.model_version, requests)


def renew_lease(leases: Iterable[uuid.UUID]) -> int:
    """Keep what these leases own for another period; the number of rows that are still owned."""
    owned = DiagnosisRequest.objects.filter(lease__in=list(leases), status=Status.RUNNING)
    return owned.update(lease_expires_at=lease_end())


def release(leases: Iterable[uuid.UUID]) -> int:
    """Give back unread what these leases own, for others to claim at once; the number of rows.

    The attempt is not counted: a worker that stops is no fault of the row. What was entered in
    error meanwhile is cancelled, as what waited then was.
    """
    owned = DiagnosisRequest.objects.filter(lease__in=list(leases), status=Status.RUNNING)
    free = {"lease": None, "lease_expires_at": None}
    given_back = owned.standing().update(
        status=Status.QUEUED, started_at=None, attempts=F("attempts") - 1, **free
    )
    return given_back + owned.update(status=Status.CANCELLED, finished_at=timezone.now(), **free)


@timing("write")
def write_answers(*, claim: Claim, answers: list[Answer], run: Run) -> int:
    """Write what was read, in one transaction; the number of rows that were written.

    A row whose lease was lost meanwhile, because another worker took it over, is left alone. Who
    marks the pictures of a lesion locks the same rows, in another order: where PostgreSQL ends our
    transaction for theirs, it is done once more.
    """
    try:
        return _write(claim, answers, run)
    except DatabaseError as error:
        if getattr(error.__cause__, "pgcode", None) != DEADLOCK:
            raise
        return _write(claim, answers, run)


@transaction.atomic
def _write(claim: Claim, answers: list[Answer], run: Run) -> int:
    owned = DiagnosisRequest.objects.filter(lease=claim.lease, status=Status.RUNNING)
    rows = {row.pk: row for row in owned.order_by("pk").select_for_update()}
    written = [(rows[answer.request_id], answer) for answer in answers if answer.request_id in rows]
    read = [(row, answer) for row, answer in written if answer.probabilities is not None]
    in_force = settings_in_force({row.hospital_id for row, _answer in read})
    for row, _answer in read:
        row.model_version, row.settings = claim.model_version, in_force.get(row.hospital_id)
    Prediction.objects.bulk_create(_attach(row, answer, run) for row, answer in read)
    kept = {row.image_id: answer.features for row, answer in read if answer.features}
    if kept:
        keep_features(claim.model_version, kept)
    for row, answer in written:
        if answer.probabilities is None:
            _fail(row, answer.failure, final=answer.final)
    update_rows(
        [row for row, _answer in written],
        [
            "status",
            "lease",
            "lease_expires_at",
            "started_at",
            "finished_at",
            "prediction",
            "failure_code",
            "label",
            "malignancy",
            "severity",
            "risk",
            "settings",
        ],
    )
    transaction.on_commit(lambda: _note(written, claim.model_version))
    return len(written)


@transaction.atomic
def sweep() -> int:
    """Give back what lost workers owned and ring for what waits; the number of rows given back."""
    expired = DiagnosisRequest.objects.select_for_update(skip_locked=True).filter(
        status=Status.RUNNING, lease_expires_at__lt=timezone.now()
    )
    lost = list(expired)
    for row in lost:
        _fail(row, "worker_lost", final=False)
        row.save()
        _count(row, "worker_lost", row.model_version)
    SWEEPS.labels("lost" if lost else "nothing").inc()
    if DiagnosisRequest.objects.waiting().exists() or HeatMap.objects.waiting().exists():
        transaction.on_commit(ring_bell)
    return len(lost)


def _note(written: list[tuple[DiagnosisRequest, Answer]], model: ModelVersion) -> None:
    """One line and one count of each row that was written."""
    for row, answer in written:
        _count(row, answer.failure, model)
        if row.status == Status.SUCCEEDED:
            logger.info("request %s was read", row.pk, extra={"request_id": row.trace_id})


def _count(row: DiagnosisRequest, reason: str, model: ModelVersion) -> None:
    outcome = "retried" if row.status == Status.QUEUED else str(row.status)
    READINGS.labels(outcome, reason, str(model)).inc()
    if row.finished_at is not None and row.status != Status.CANCELLED:
        seconds = (row.finished_at - row.created_at).total_seconds()
        ANSWER.labels(Priority(row.priority).name.lower()).observe(seconds)


def _attach(row: DiagnosisRequest, answer: Answer, run: Run) -> Prediction:
    """The prediction of an answer, and the row that now points to it (both unsaved)."""
    probabilities = answer.probabilities or {}
    label = max(probabilities, key=probabilities.__getitem__)
    prediction = Prediction(
        probabilities=probabilities,
        label=label,
        probability=probabilities[label],
        malignancy_probability=answer.malignancy,
        outlier_score=answer.outlier_score,
        edge_share=answer.edge_share,
        others_used=answer.others_used,
        device=run.device,
        batch_size=run.batch_size,
        seconds=run.seconds,
    )
    malignant = BY_ANSWER[label].malignant
    row.note_reading(prediction, risk_of(answer.malignancy, malignant, row.thresholds))
    row.status = Status.SUCCEEDED
    row.lease = row.lease_expires_at = None
    row.finished_at = timezone.now()
    return prediction


def _fail(row: DiagnosisRequest, code: str, *, final: bool) -> None:
    """Back into the queue, or rejected, or failed for good after the last attempt; what was entered
    in error meanwhile is not read again."""
    row.lease = row.lease_expires_at = None
    if code in REFUSALS:
        row.status, row.failure_code, row.finished_at = Status.REJECTED, code, timezone.now()
        return
    if final or row.attempts >= MAXIMUM_ATTEMPTS:
        row.status, row.failure_code, row.finished_at = Status.FAILED, code, timezone.now()
        logger.error("request %s failed: %s", row.pk, code, extra={"request_id": row.trace_id})
    elif not row.is_standing:
        row.status, row.finished_at = Status.CANCELLED, timezone.now()
    else:
        row.status, row.started_at = Status.QUEUED, None
        again = {"request_id": row.trace_id}
        logger.warning("request %s is read again: %s", row.pk, code, extra=again)


def position(request: DiagnosisRequest) -> int:
    """How many requests are read before this one; 0 where it is next or no longer waits."""
    if request.status != Status.QUEUED:
        return 0
    queued = DiagnosisRequest.objects.filter(status=Status.QUEUED)
    sooner = queued.filter(priority__lt=request.priority) | queued.filter(
        priority=request.priority, created_at__lt=request.created_at
    )
    return sooner.count()
