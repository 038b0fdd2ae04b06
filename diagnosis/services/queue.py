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
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from diagnosis.failures import REFUSALS
from diagnosis.models import DiagnosisRequest, ModelVersion, Prediction, Status

logger = logging.getLogger(__name__)

MAXIMUM_ATTEMPTS = 3


@dataclass(frozen=True)
class Claim:
    """Rows that one worker owns until ``lease`` runs out, all for the same model version."""

    lease: uuid.UUID
    model_version: ModelVersion
    requests: list[DiagnosisRequest]


@dataclass(frozen=True)
class Answer:
    """What a worker found out about one request: probabilities by label, or a failure code.

    A ``final`` failure is not tried again. ``outlier_score`` is how far the picture lies from what
    the model has seen, where it can tell.
    """

    request_id: uuid.UUID
    probabilities: dict[str, float] | None = None
    malignancy: float = 0.0
    outlier_score: float | None = None
    failure: str = ""
    final: bool = False


@dataclass(frozen=True)
class Run:
    """The circumstances of one batch, kept with each of its predictions."""

    device: str
    batch_size: int
    seconds: float


def ring_bell() -> bool:
    """Tell the workers that something waits; False where the broker is down (the sweep rings)."""
    try:
        current_app.send_task("diagnosis.read_queued", queue="inference")
    except (OperationalError, OSError) as error:
        logger.warning("the bell could not be rung: %s", type(error).__name__)
        return False
    return True


def lease_end() -> datetime.datetime:
    return timezone.now() + datetime.timedelta(seconds=settings.NEVUS_LEASE_SECONDS)


@transaction.atomic
def claim_batch(*, limit: int, without: Collection[uuid.UUID] = ()) -> Claim | None:
    """Own the next rows of the queue, up to ``limit``; None where nothing waits.

    A row that was tried before is read alone: if it is what kills workers, it takes no neighbour
    with it. Rows of the model versions ``without`` are left for others.
    """
    waiting = DiagnosisRequest.objects.waiting().select_for_update(skip_locked=True)
    waiting = waiting.exclude(model_version__in=without)
    first = waiting.first()
    if first is None:
        return None
    keys = [first.pk]
    if first.attempts == 0:
        same = waiting.filter(model_version=first.model_version_id, attempts=0)
        keys = list(same.values_list("pk", flat=True)[:limit])
    lease = uuid.uuid4()
    DiagnosisRequest.objects.filter(pk__in=keys, status=Status.QUEUED).update(
        status=Status.RUNNING,
        lease=lease,
        lease_expires_at=lease_end(),
        started_at=timezone.now(),
        attempts=F("attempts") + 1,
    )
    claimed = DiagnosisRequest.objects.filter(lease=lease).select_related("image", "model_version")
    requests = list(claimed.order_by("priority", "created_at", "id"))
    return Claim(lease, requests[0].model_version, requests)


def renew_lease(leases: Iterable[uuid.UUID]) -> int:
    """Keep what these leases own for another period; the number of rows that are still owned."""
    owned = DiagnosisRequest.objects.filter(lease__in=list(leases), status=Status.RUNNING)
    return owned.update(lease_expires_at=lease_end())


@transaction.atomic
def write_answers(*, claim: Claim, answers: list[Answer], run: Run) -> int:
    """Write what was read, in one transaction; the number of rows that were written.

    A row whose lease was lost meanwhile, because another worker took it over, is left alone.
    """
    owned = DiagnosisRequest.objects.select_for_update().filter(
        lease=claim.lease, status=Status.RUNNING
    )
    rows = {row.pk: row for row in owned}
    written = [(rows[answer.request_id], answer) for answer in answers if answer.request_id in rows]
    read = [(row, answer) for row, answer in written if answer.probabilities is not None]
    Prediction.objects.bulk_create(_attach(row, answer, run) for row, answer in read)
    for row, answer in written:
        if answer.probabilities is None:
            _fail(row, answer.failure, final=answer.final)
    DiagnosisRequest.objects.bulk_update(
        [row for row, _answer in written],
        [
            "status",
            "lease",
            "lease_expires_at",
            "started_at",
            "finished_at",
            "prediction",
            "failure_code",
        ],
    )
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
    if DiagnosisRequest.objects.waiting().exists():
        transaction.on_commit(ring_bell)
    return len(lost)


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
        device=run.device,
        batch_size=run.batch_size,
        seconds=run.seconds,
    )
    row.status, row.prediction = Status.SUCCEEDED, prediction
    row.lease = row.lease_expires_at = None
    row.finished_at = timezone.now()
    return prediction


def _fail(row: DiagnosisRequest, code: str, *, final: bool) -> None:
    """Back into the queue, or rejected, or failed for good after the last attempt."""
    row.lease = row.lease_expires_at = None
    if code in REFUSALS:
        row.status, row.failure_code, row.finished_at = Status.REJECTED, code, timezone.now()
        return
    if final or row.attempts >= MAXIMUM_ATTEMPTS:
        row.status, row.failure_code, row.finished_at = Status.FAILED, code, timezone.now()
        logger.error("request %s failed: %s", row.pk, code)
    else:
        row.status, row.started_at = Status.QUEUED, None
        logger.warning("request %s is read again: %s", row.pk, code)


def position(request: DiagnosisRequest) -> int:
    """How many requests are read before this one; 0 where it is next or no longer waits."""
    if request.status != Status.QUEUED:
        return 0
    waiting = DiagnosisRequest.objects.filter(status=Status.QUEUED)
    sooner = waiting.filter(priority__lt=request.priority) | waiting.filter(
        priority=request.priority, created_at__lt=request.created_at
    )
    return sooner.count()
