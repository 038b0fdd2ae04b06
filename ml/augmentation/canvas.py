"""The picture that augmented squares are cut from."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ml.config import Preprocessing
from ml.preprocessing import resize

MARGIN = 1.125  # how much larger than the model's square the training picture is kept
ASPECT = 4 / 3  # of dermoscopic cameras


def canvas_size(config: Preprocessing) -> tuple[int, int]:
    """Width and height of the canvas, in pixels."""
    height = round(config.size * MARGIN)
    return (round(height * ASPECT) if config.resize == "cover" else height), height


def to_canvas(image: Image.Image, config: Preprocessing) -> np.ndarray:
    """Resize to a canvas from which augmented squares are cut. Returns uint8 (H, W, 3)."""
    return resize(image, *canvas_size(config), config.resize)


def shrink(canvas: Tensor, config: Preprocessing) -> Tensor:
    """Bytes (B, 3, Hc, Wc) to float32, no larger than the canvas of ``config``.

    A network may begin to learn from smaller squares than its images were decoded for.
    """
    width, height = canvas_size(config)
    if canvas.shape[2] <= height:
        return canvas.float()
    return F.interpolate(canvas.float(), (height, width), mode="bilinear", antialias=True)
