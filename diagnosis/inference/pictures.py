"""Stored pictures that become tensors: decoded in threads while the model works on others."""

import io
import logging
import uuid
from concurrent.futures import Future

import torch
from PIL import Image as PillowImage

from clinic import origin
from diagnosis.metrics import timing
from diagnosis.models import DiagnosisRequest
from diagnosis.services.queue import Answer
from diagnosis.stored import UnreadableImageError, fetch_checked
from ml.predictor import Predictor

logger = logging.getLogger(__name__)


def prepare_for(request: DiagnosisRequest, predictor: Predictor) -> torch.Tensor:
    """The picture of one request: (3, H, W). Its log lines belong to the call that ordered it."""
    with origin.following(request.trace_id), timing("decode"):
        return prepare(predictor, str(request.image.file), request.image.sha256)


def prepare(predictor: Predictor, name: str, sha256: str) -> torch.Tensor:
    """Open, verify and decode one stored picture: (3, H, W). Runs in a thread, asks no database."""
    content = fetch_checked(name, sha256)
    try:
        with PillowImage.open(io.BytesIO(content)) as image:
            return predictor.prepare(image)
    except (OSError, ValueError) as error:
        raise UnreadableImageError("image_unreadable", final=True) from error


def collect(
    futures: dict[uuid.UUID, Future],
) -> tuple[dict[uuid.UUID, torch.Tensor], list[Answer]]:
    """Wait for the decoders: what was decoded, and an answer for each that was not."""
    tensors, failures = {}, []
    for key, future in futures.items():
        try:
            tensors[key] = future.result()
        except UnreadableImageError as error:
            failures.append(Answer(key, failure=error.code, final=error.final))
        # anything else is a fault of ours: log it and try again
        except Exception:
            logger.exception("request %s could not be prepared", key)
            failures.append(Answer(key, failure="image_unreadable"))
    return tensors, failures
