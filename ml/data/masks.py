"""Experts' masks of lesions, small and in memory: they are drawn coarsely anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ml.config import Preprocessing
from ml.data.decoding import decode_all
from ml.data.samples import Sample
from ml.outline import edge_share
from ml.progress import progress

SMALLER = 2  # times than the pictures they belong to


@dataclass
class Masks:
    """``masks`` is uint8 (N, H, W), 255 on the lesion; ``known`` bool (N,); ``skipped`` lists
    "file: reason" of those that cannot be read."""

    masks: Tensor
    known: Tensor
    skipped: list[str]

    def of(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Masks (B, H, W) in [0, 1], and which of them are known (B,)."""
        return self.masks[indices].float() / 255, self.known[indices]


def load_masks(samples: Sequence[Sample], width: int, height: int, config: Preprocessing) -> Masks:
    """The masks of ``samples``, for pictures that were resized to ``width`` and ``height``."""
    size = width // SMALLER, height // SMALLER
    masks = torch.zeros(len(samples), size[1], size[0], dtype=torch.uint8)
    known = torch.zeros(len(samples), dtype=torch.bool)
    places = [place for place, sample in enumerate(samples) if sample.mask is not None]
    paths = [samples[place].mask for place in places]
    skipped: list[str] = []
    shrunk = partial(_shrink, size=size, mode=config.resize)
    found = decode_all([path for path in paths if path is not None], shrunk, skipped)
    for index, mask in progress(found, "masks", len(paths)):
        masks[places[index]] = torch.from_numpy(mask)
        known[places[index]] = True
    return Masks(masks, known, skipped)


def expert_edges(samples: Sequence[Sample], config: Preprocessing) -> np.ndarray:
    """How much (N,) of the edge of what the model sees is lesion by the mask; NaN without one."""
    found = load_masks(samples, config.size, config.size, config)
    shares = edge_share(found.masks.numpy() / 255)
    return np.where(found.known.numpy(), shares, np.nan)


def _shrink(image: Image.Image, size: tuple[int, int], mode: str) -> np.ndarray:
    """As ml.preprocessing.resize does it with the picture."""
    grey = image.convert("L")
    if mode == "cover":
        return np.array(ImageOps.fit(grey, size, Image.Resampling.BOX))
    return np.array(grey.resize(size, Image.Resampling.BOX))
