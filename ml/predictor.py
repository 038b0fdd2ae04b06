"""What a worker holds: one model, loaded once, asked often."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ml import preprocessing
from ml.calibration import calibrate
from ml.checkpoints import load_classifier, load_statistics
from ml.devices import channels_last, inference_autocast, pick_device
from ml.errors import PredictionError
from ml.folding import fold_norms
from ml.manifest import Manifest, read_manifest
from ml.outline import edge_share
from ml.patients import Others
from ml.refusal import Familiar
from ml.tta import average_answers, look


@dataclass
class Answer:
    """What a model says of B images.

    ``scores`` are the log-probabilities (B, K) before calibration, ``features`` (B, D) what they
    were made of, ``chromas`` (B,) how colourful the images are. ``outlier_scores`` (B,) grow with
    the distance from what the model has seen (see ml.refusal); None where the checkpoint has no
    statistics to tell. ``edge_shares`` (B,) are how much of the edge of what the model sees is
    lesion; None for a model that draws no outline.
    """

    probabilities: np.ndarray  # float64 (B, K)
    features: np.ndarray
    scores: np.ndarray
    chromas: np.ndarray
    outlier_scores: np.ndarray | None = None
    edge_shares: np.ndarray | None = None


class Predictor:
    """Loaded once by a worker.

    ``device`` is the one asked for, else the GPU (in bf16 autocast) where there is one, else the
    CPU (in fp32). Raises CheckpointError where the checkpoint cannot be loaded.
    """

    manifest: Manifest
    device: torch.device

    def __init__(self, folder: Path | str, device: str | None = None):
        self.manifest = read_manifest(folder)
        self.device = pick_device(device)
        model = load_classifier(folder, self.device)
        fold_norms(model)
        self.model = channels_last(model)
        statistics = load_statistics(folder)
        self._familiar = Familiar.of_arrays(statistics) if statistics else None

    def prepare(self, image: Image.Image) -> Tensor:
        """PIL image of any mode and size to float32 (3, H, W); safe to call in threads."""
        return preprocessing.prepare(image, self.manifest.preprocessing)

    def predict(self, batch: Tensor) -> np.ndarray:
        """The probabilities of ``read`` alone, float64 (B, K)."""
        return self.read(batch).probabilities

    @property
    def sees_patient(self) -> bool:
        """Whether an answer depends on the patient's other images too."""
        return self.model.context is not None

    @property
    def width(self) -> int:
        """The number D of features."""
        width: Any = self.model.backbone.features
        return int(width)

    @torch.inference_mode()
    def read(self, batch: Tensor, others: Others | None = None) -> Answer:
        """Prepared images (B, 3, H, W) to calibrated probabilities and outlier scores.

        ``others`` are the patient's other images; a model without context ignores them, one with a
        context also reads without them. The order of the classes is the manifest's; each row sums
        to 1 within 1e-9. Raises PredictionError for a batch or for others of the wrong shape and
        for an answer that is not finite.
        """
        height, width = self.manifest.preprocessing.shape
        if batch.ndim != 4 or batch.shape[1:] != (3, height, width):
            raise PredictionError(
                f"The model takes images of shape (B, 3, {height}, {width}), "
                f"not {tuple(batch.shape)}."
            )
        images = batch.to(self.device, memory_format=torch.channels_last, non_blocking=True)
        with inference_autocast(self.device):
            seen, outline = look(self.model, images, self.manifest.tta)  # (V, B, D), (B, h, w)
            features = seen.float().mean(0)  # (B, D)
            known = others.beside(features) if others is not None and self.sees_patient else ()
            scores = average_answers(self.model, seen, *known)
        answer = Answer(
            calibrate(scores.cpu().numpy(), self.manifest.calibration),
            features.cpu().numpy(),
            scores.cpu().numpy(),
            preprocessing.chroma(batch, self.manifest.preprocessing).numpy(),
            edge_shares=None if outline is None else _edge_share(outline),
        )
        if not np.isfinite(answer.probabilities).all():
            raise PredictionError("The model answered with something that is not a number.")
        if self._familiar is not None:
            answer.outlier_scores = self._familiar.score_pictures(answer.features, answer.chromas)
        return answer


def _edge_share(outline: Tensor) -> np.ndarray:
    return edge_share(outline.float().sigmoid().cpu().numpy())
