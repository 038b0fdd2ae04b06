"""Decoded images in memory, as bytes: decoding costs more than a compact model's step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ml.data.decoding import decode_all
from ml.data.samples import Sample, label_indices
from ml.progress import progress


@dataclass
class Cache:
    """``pixels`` is uint8 (N, 3, H, W), ``labels`` int64 (N,); ``skipped`` lists "file: reason"."""

    pixels: Tensor
    labels: Tensor
    samples: list[Sample]
    skipped: list[str] = field(default_factory=list)

    def batches(self, draws: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """For each draw of indices (B,): those indices, and their pixels (B, 3, H, W)."""
        for indices in draws:
            yield indices, self.pixels[indices]


def load_cache(
    samples: Sequence[Sample],
    classes: Sequence[str],
    to_pixels: Callable[[Image.Image], np.ndarray],
    title: str = "decode",
) -> Cache:
    """Decode all ``samples`` through ``to_pixels`` (image to uint8 (H, W, 3)).

    A file that is missing or cannot be decoded is skipped, and listed. Raises DataError for a label
    that is not among ``classes``.
    """
    labels = label_indices(samples, classes)
    paths = [sample.path for sample in samples]
    skipped: list[str] = []
    kept: list[int] = []
    every = torch.empty(0, 3, 0, 0, dtype=torch.uint8)
    for index, pixels in progress(decode_all(paths, to_pixels, skipped), title, len(paths)):
        if not kept:  # now their shape is known; the system gives memory as rows are written
            every = torch.empty(len(paths), 3, *pixels.shape[:2], dtype=torch.uint8)
        every[len(kept)] = torch.from_numpy(pixels).permute(2, 0, 1)  # (3, H, W)
        kept.append(index)
    return Cache(every[: len(kept)], labels[kept], [samples[i] for i in kept], skipped)
