"""Heads that are not learned by gradients, but fitted once the backbone stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from ml.classifier import Classifier


def is_fitted(model: Classifier) -> bool:
    """Whether the head waits for ``fit_head`` after the training of the backbone."""
    return hasattr(model.head, "fit")


@torch.inference_mode()
def fit_head(model: Classifier, batches: Iterable[tuple[Tensor, Tensor]], seed: int = 0) -> None:
    """Fit the head to the features of normalised images (B, 3, H, W) and their labels (B,).

    The images are read as they will be later: unaugmented, in evaluation mode.
    """
    model.eval()
    device = next(model.backbone.parameters()).device
    features, labels = [], []
    for images, truth in batches:
        features.append(model.forward_features(images.to(device)).float().cpu().numpy())
        labels.append(truth.numpy())
    model.head.fit(np.concatenate(features), np.concatenate(labels), seed)  # type: ignore[operator]
