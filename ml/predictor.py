"""What a worker holds: one model, loaded once, asked often."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ml import preprocessing
from ml.checkpoints import load_classifier
from ml.devices import channels_last, inference_autocast, pick_device
from ml.errors import PredictionError
from ml.manifest import Manifest, read_manifest
from ml.tta import average_logits


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
        self.model = channels_last(load_classifier(folder, self.device))
        self._temperature = float(self.manifest.calibration["temperature"])

    def prepare(self, image: Image.Image) -> Tensor:
        """PIL image of any mode and size to float32 (3, H, W); safe to call in threads."""
        return preprocessing.prepare(image, self.manifest.preprocessing)

    @torch.inference_mode()
    def predict(self, batch: Tensor) -> np.ndarray:
        """Prepared images (B, 3, H, W) to calibrated probabilities, float64 (B, K).

        The order of the classes is the manifest's; each row sums to 1 within 1e-9. Raises
        PredictionError for a batch of the wrong shape and for an answer that is not finite.
        """
        size = self.manifest.preprocessing.size
        if batch.ndim != 4 or batch.shape[1:] != (3, size, size):
            raise PredictionError(
                f"The model takes images of shape (B, 3, {size}, {size}), not {tuple(batch.shape)}."
            )
        images = batch.to(self.device, memory_format=torch.channels_last, non_blocking=True)
        with inference_autocast(self.device):
            logits = average_logits(self.model, images, self.manifest.tta)  # (B, K)
        probabilities = (logits / self._temperature).softmax(-1).cpu().numpy()
        if not np.isfinite(probabilities).all():
            raise PredictionError("The model answered with something that is not a number.")
        return probabilities
