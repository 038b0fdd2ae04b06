"""Heat maps: ordered by who first looks at an answer, drawn by a worker, kept, and given out.

As with readings the row is the queue: a lost bell is rung again by the sweep, a lease that runs out
gives the map to another worker, and a map that is drawn twice is kept once.
"""

import datetime
import io
import logging
import uuid
from collections.abc import Collection

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from PIL import Image as PillowImage

from clinic import pictures
from clinic.errors import DomainError
from diagnosis.failures import heat_map_failure_message
from diagnosis.models import DiagnosisRequest, HeatMap, Priority, Status
from diagnosis.services.queue import MAXIMUM_ATTEMPTS, ring_bell

logger = logging.getLogger(__name__)

# the largest network needs half a minute on a slow core
DRAWING = datetime.timedelta(minutes=2)
# what failed is tried again after this, not at once: a storage gets time to come back
PAUSE = datetime.timedelta(seconds=10)


def order_heat_map(request: DiagnosisRequest) -> HeatMap:
    """The heat map of an answer; ordered where nobody has looked before.

    Raises DomainError ``no_answer`` (409) where the request has none.
    """
    if request.status != Status.SUCCEEDED:
        message = _("There is no answer, so there is nothing to show of where the model looked.")
        raise DomainError("no_answer", message, status=409)
    found, new = HeatMap.objects.get_or_create(request=request)
    if new:
        transaction.on_commit(ring_bell)
    return found


@transaction.atomic
def claim_heat_map(*, without: Collection[uuid.UUID] = ()) -> HeatMap | None:
    """Own the next map that waits, for as long as drawing may take; None where none may be drawn.

    None also while a doctor waits for a reading: that goes first. Bulk readings do not. Maps of the
    model versions ``without`` are left for others, and all of them by a worker that reads bulk.
    """
    if settings.NEVUS_CLAIM == "bulk":
        return None
    rows = HeatMap.objects.waiting().exclude(request__model_version__in=without)
    row = rows.select_for_update(skip_locked=True, of=("self",)).first()
    if row is None or somebody_waits(without):
        return None
    if row.attempts >= MAXIMUM_ATTEMPTS:
        end(row, "worker_lost")
        return None
    row.attempts += 1
    row.lease_expires_at = timezone.now() + DRAWING
    row.save(update_fields=["attempts", "lease_expires_at"])
    return HeatMap.objects.select_related("request__image", "request__model_version").get(pk=row.pk)


def somebody_waits(without: Collection[uuid.UUID]) -> bool:
    """Whether an interactive reading is queued, by a model other than ``without``."""
    queued = DiagnosisRequest.objects.waiting().filter(priority=Priority.INTERACTIVE)
    return queued.exclude(model_version__in=without).exists()


def keep_heat_map(heat_map: HeatMap, content: bytes) -> bool:
    """Store the PNG; whether it was kept: False where another worker was quicker.

    Raises StorageError, and nothing is kept.
    """
    name = uuid.uuid4().hex
    key = pictures.put(f"heatmaps/{name[:2]}/{name}.png", content)
    open_row = HeatMap.objects.filter(pk=heat_map.pk, key="", failure_code="")
    try:
        kept = open_row.update(key=key, drawn_at=timezone.now(), lease_expires_at=None)
    except BaseException:
        pictures.remove(key)
        raise
    if not kept:
        pictures.remove(key)
    return bool(kept)


def give_up_heat_map(heat_map: HeatMap, code: str, *, final: bool = False) -> None:
    """It could not be drawn: for good, or until it is tried again in a while."""
    if final or heat_map.attempts >= MAXIMUM_ATTEMPTS:
        end(heat_map, code)
        return
    logger.warning("%s is drawn again: %s", heat_map, code)
    HeatMap.objects.filter(pk=heat_map.pk).update(lease_expires_at=timezone.now() + PAUSE)


def end(heat_map: HeatMap, code: str) -> None:
    """Failed for good, unless somebody has drawn it meanwhile."""
    logger.error("%s failed: %s", heat_map, code)
    HeatMap.objects.filter(pk=heat_map.pk, key="").update(failure_code=code, lease_expires_at=None)


def read_heat_map(heat_map: HeatMap) -> bytes:
    """The PNG as it is stored. Raises DomainError: it failed (409), or the storage did (503)."""
    if heat_map.failure_code:
        message = heat_map_failure_message(heat_map.failure_code)
        raise DomainError("heat_map_failed", message, status=409)
    try:
        return pictures.fetch(heat_map.key)
    except FileNotFoundError as error:
        message = _("The picture is missing from the storage.")
        raise DomainError("image_missing", message, status=503) from error


def enlarge(content: bytes, size: tuple[int, int]) -> bytes:
    """A heat map as a PNG of so many pixels: what is stored of a large picture is smaller."""
    with PillowImage.open(io.BytesIO(content)) as stored:
        if stored.size == size:
            return content
        buffer = io.BytesIO()
        larger = stored.resize(size, PillowImage.Resampling.BILINEAR)
        larger.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
