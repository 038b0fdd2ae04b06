"""Checkpoints that become predictors, of models that are registered or about to be."""

from pathlib import Path

from django.conf import settings
from PIL import Image as PillowImage

from diagnosis.models import ModelVersion
from ml.errors import CheckpointError
from ml.manifest import read_manifest
from ml.predictor import Predictor


def load_predictor(model: ModelVersion) -> Predictor:
    """Load a registered checkpoint. Raises CheckpointError where it is missing or altered."""
    predictor = Predictor(model.path, device=settings.NEVUS_DEVICE or None)
    if predictor.manifest.sha256 != model.sha256:
        raise CheckpointError(f"The checkpoint of {model} is not the one that was registered.")
    return predictor


def read_checkpoint(folder: Path) -> tuple[dict, str]:
    """Manifest and model card of a checkpoint that loads and answers, for its registration.

    Raises CheckpointError: the weights are really loaded once.
    """
    predictor = Predictor(folder, device="cpu")
    read_blank(predictor)
    card = folder / "MODEL_CARD.md"
    return read_manifest(folder).raw, card.read_text() if card.exists() else ""


def read_blank(predictor: Predictor) -> None:
    """Ask once: whether it answers, and what libraries prepare at a first reading."""
    predictor.predict(predictor.prepare(PillowImage.new("RGB", (64, 64), "grey"))[None])
