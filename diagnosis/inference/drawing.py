"""Heat maps in the worker: the next one that waits is drawn by the model that gave the answer."""

import io
import logging
import uuid
from collections.abc import Callable, Collection

from PIL import Image as PillowImage

from clinic import origin
from diagnosis import pulse
from diagnosis.metrics import timing
from diagnosis.models import HeatMap, ModelVersion
from diagnosis.services import heat_maps
from diagnosis.stored import UnreadableImageError, fetch_checked
from ml.errors import CheckpointError
from ml.explain import explain
from ml.painting import paint
from ml.predictor import Predictor
from ml.taxonomy import BY_CODE

logger = logging.getLogger(__name__)

# of the stored map: it is as coarse as the model's own, more pixels would show no more
SIDE = 1024


def draw_next(
    load: Callable[[ModelVersion], Predictor], *, without: Collection[uuid.UUID] = ()
) -> bool:
    """Draw one heat map that waits; False where none may be drawn now."""
    row = heat_maps.claim_heat_map(without=without)
    if row is None:
        return False
    with origin.following(row.request.trace_id):
        try:
            with pulse.working(), timing("heat_map"):
                content = draw(load(row.request.model_version), row)
            heat_maps.keep_heat_map(row, content)
        except CheckpointError as error:
            logger.error("%s could not be loaded: %s", row.request.model_version, error)
            heat_maps.give_up_heat_map(row, "model_unavailable")
        except UnreadableImageError as error:
            heat_maps.give_up_heat_map(row, error.code, final=error.final)
        # one map must not end the worker: whatever else it is, it is logged and tried again
        except Exception:
            logger.exception("%s could not be drawn", row)
            heat_maps.give_up_heat_map(row, "prediction_error")
    return True


def draw(predictor: Predictor, row: HeatMap) -> bytes:
    """The PNG of the heat map for the class that the answer names, at most SIDE pixels a side."""
    image, label = row.request.image, row.request.label
    content = fetch_checked(str(image.file), image.sha256)
    code = next(c for c in predictor.manifest.classes if BY_CODE[c].label == label)
    try:
        with PillowImage.open(io.BytesIO(content)) as picture:
            heat = explain(predictor, picture, code, size=fitted(picture.size))
    except (OSError, ValueError) as error:
        raise UnreadableImageError("image_unreadable", final=True) from error
    buffer = io.BytesIO()
    paint(heat).save(buffer, "PNG")
    return buffer.getvalue()


def fitted(size: tuple[int, int]) -> tuple[int, int]:
    """The size of the map of a picture so large, in its proportions."""
    share = min(1.0, SIDE / max(size))
    return max(1, round(size[0] * share)), max(1, round(size[1] * share))
