"""Test-time augmentation: the views of an image whose answers are averaged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from ml.classifier import Classifier

View = Callable[[Tensor], Tensor]


def _turn(quarters: int, flip: bool) -> View:
    def view(images: Tensor) -> Tensor:  # (B, 3, H, W)
        turned = torch.rot90(images, quarters, dims=(-2, -1))
        return turned.flip(-1) if flip else turned

    return view


# a lesion has no up and no left; "dihedral" holds all eight symmetries of the square
VIEWS: dict[str, list[View]] = {
    "none": [_turn(0, False)],
    "flips": [_turn(0, False), _turn(0, True), _turn(2, False), _turn(2, True)],
    "dihedral": [_turn(quarters, flip) for flip in (False, True) for quarters in range(4)],
}


def average_answers(model: Classifier, images: Tensor, tta: str) -> tuple[Tensor, Tensor]:
    """Means over the views of ``tta``: (B, 3, H, W) to scores float64 (B, K) and features (B, D).

    The scores are log-probabilities. The views go through the model one after another, so memory
    does not grow with their number.
    """
    scores, features = [], []
    for view in VIEWS[tta]:
        seen = model.forward_features(view(images))  # (B, D)
        scores.append(model.forward_head(seen).double().log_softmax(-1))
        features.append(seen.float())
    return torch.stack(scores).mean(0), torch.stack(features).mean(0)
