"""Augmentation of whole batches, where their pixels are, from one generator, so that it repeats.

How each image is changed is drawn on the CPU, so that a seed means the same everywhere; the pixels
are changed on the device that they lie on.
"""

from __future__ import annotations

from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812

from ml.augmentation.canvas import shrink, to_canvas
from ml.augmentation.colour import jitter_colours
from ml.augmentation.corruption import corrupt
from ml.augmentation.drawing import draw_artefacts
from ml.augmentation.geometry import sampling_grid
from ml.augmentation.mixing import mix
from ml.config import Augmentation, Preprocessing
from ml.preprocessing import normalise

__all__ = ["augment", "mix", "to_canvas"]


def augment(
    canvas: Tensor, size: Preprocessing, config: Augmentation, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Bytes (B, 3, Hc, Wc) to normalised float32 (B, 3, H, W), each image turned its own way.

    Returns the grid (B, H, W, 2) too, which says where on the canvas each pixel was read.
    """
    grid = sampling_grid(canvas, size.shape, config, generator)
    images = F.grid_sample(
        shrink(canvas, size), grid, "bilinear", padding_mode="reflection", align_corners=False
    )
    images = draw_artefacts(images, config, generator)
    images = jitter_colours(images, config, generator)
    return normalise(corrupt(images, config, generator), size), grid
