"""Experts' masks of lesions, small and in memory: they are drawn coarsely anyway."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ml.config import Preprocessing
from ml.data.decoding import decode_all
from ml.data.samples import Sample
from ml.outline import edge_share
from ml.preprocessing import resize
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


def load_masks(samples: Sequence[Sample], shape: tuple[int, int], config: Preprocessing) -> Masks:
    """The masks of ``samples``, for pictures that were resized to ``shape``, height and width."""
    height, width = (side // SMALLER for side in shape)
    masks = torch.zeros(len(samples), height, width, dtype=torch.uint8)
    known = torch.zeros(len(samples), dtype=torch.bool)
    places = [place for place, sample in enumerate(samples) if sample.mask is not None]
    paths = [samples[place].mask for place in places]
    skipped: list[str] = []
    shrunk = partial(_shrink, shape=(height, width), config=config)
    found = decode_all([path for path in paths if path is not None], shrunk, skipped)
    for index, mask in progress(found, "masks", len(paths)):
        masks[places[index]] = torch.from_numpy(mask)
        known[places[index]] = True
    return Masks(masks, known, skipped)


def expert_edges(samples: Sequence[Sample], config: Preprocessing) -> np.ndarray:
    """How much (N,) of the edge of what the model sees is lesion by the mask; NaN without one."""
    found = load_masks(samples, config.shape, config)
    shares = edge_share(found.masks.numpy() / 255)
    return np.where(found.known.numpy(), shares, np.nan)


def _shrink(image: Image.Image, shape: tuple[int, int], config: Preprocessing) -> np.ndarray:
    return resize(image.convert("L"), shape, config, Image.Resampling.BOX)
