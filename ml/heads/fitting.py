"""Heads that are not learned by gradients, but fitted once the backbone stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def is_fitted(model: nn.Module) -> bool:
    """Whether the head waits for ``fit_head`` after the training of the backbone."""
    return hasattr(model.head, "fit")


@torch.inference_mode()
def fit_head(model: Any, batches: Iterable[tuple[Tensor, Tensor]], seed: int = 0) -> None:
    """Fit a Classifier's head to normalised images (B, 3, H, W) and their labels (B,).

    The images are read as they will be later: unaugmented, in evaluation mode.
    """
    model.eval()
    device = next(model.backbone.parameters()).device
    features, labels = [], []
    for images, truth in batches:
        features.append(model.forward_features(images.to(device)).float().cpu().numpy())
        labels.append(truth.numpy())
    model.head.fit(np.concatenate(features), np.concatenate(labels), seed)
