"""From samples to pixels: in memory where they fit, else decoded batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
from PIL import Image
from torch import Tensor

from ml.data.cache import load_cache
from ml.data.lazy import open_lazily
from ml.data.samples import Sample
from ml.errors import DataError

MEMORY = 8.0  # GB
# images that are read together, where nothing is learnt from them: a network of Keras keeps the
# outputs of all its layers until the last one, 100 (EfficientNet-B0) to 310 MB (DenseNet-201) each
AT_ONCE = 16


class Images(Protocol):
    """What training needs of a data set, however it is held."""

    labels: Tensor  # (N,)
    samples: list[Sample]
    skipped: list[str]

    def batches(self, draws: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]: ...


def load_images(
    samples: Sequence[Sample],
    classes: Sequence[str],
    to_pixels: Callable[[Image.Image], np.ndarray],
    pixels_each: int,
    memory: float = MEMORY,
    title: str = "decode",
) -> Images:
    """Decode into memory if all, of ``pixels_each`` pixels, fit in ``memory`` GB; else lazily.

    Raises DataError for a label that is not among ``classes``, or where nothing is left to read.
    """
    load = load_cache if len(samples) * pixels_each * 3 <= memory * 1e9 else open_lazily
    images: Images = load(samples, classes, to_pixels, title)
    if not images.samples:
        reason = f"; the first: {images.skipped[0]}" if images.skipped else ""
        raise DataError(f"There are no images to {title}{reason}.")
    return images
