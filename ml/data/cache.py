"""Decoded images in memory, as bytes: decoding costs more than a compact model's step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ml.data.samples import Sample
from ml.progress import progress


@dataclass
class Cache:
    """``pixels`` is uint8 (N, 3, H, W), ``labels`` int64 (N,); ``skipped`` lists "file: reason"."""

    pixels: Tensor
    labels: Tensor
    samples: list[Sample]
    skipped: list[str] = field(default_factory=list)


def load_cache(
    samples: Sequence[Sample],
    classes: Sequence[str],
    to_pixels: Callable[[Image.Image], np.ndarray],
    title: str = "decode",
) -> Cache:
    """Decode all ``samples`` through ``to_pixels`` (image to uint8 (H, W, 3)).

    A file that is missing or cannot be decoded is skipped, and listed.
    """

    def decode(sample: Sample) -> np.ndarray | str:
        try:
            with Image.open(sample.path) as image:
                return to_pixels(image)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            return f"{sample.path.name}: {error}"

    kept: list[Sample] = []
    arrays: list[Tensor] = []
    skipped: list[str] = []
    with ThreadPoolExecutor() as pool:
        answers = progress(pool.map(decode, samples), title, len(samples))
        for sample, answer in zip(samples, answers, strict=True):
            if isinstance(answer, str):
                skipped.append(answer)
                continue
            kept.append(sample)
            arrays.append(torch.from_numpy(answer).permute(2, 0, 1).contiguous())
    pixels = torch.stack(arrays) if arrays else torch.empty(0, 3, 0, 0, dtype=torch.uint8)
    labels = torch.tensor([list(classes).index(sample.label) for sample in kept], dtype=torch.long)
    return Cache(pixels, labels, kept, skipped)
