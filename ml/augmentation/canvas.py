"""The picture that augmented views are cut from."""

from __future__ import annotations

import numpy as np
from PIL import Image
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ml.config import Preprocessing
from ml.preprocessing import resize, to_rgb

MARGIN = 1.125  # how much larger than what the model sees the training picture is kept
ASPECT = 4 / 3  # of dermoscopic cameras


def canvas_shape(config: Preprocessing) -> tuple[int, int]:
    """Height and width of the canvas, in pixels."""
    height = round(config.size * MARGIN)
    aspect = max(ASPECT, config.aspect) if config.resize == "cover" else config.aspect
    return height, round(height * aspect)


def to_canvas(image: Image.Image, config: Preprocessing) -> np.ndarray:
    """Resize to a canvas from which augmented views are cut. Returns uint8 (H, W, 3)."""
    return resize(to_rgb(image), canvas_shape(config), config)


def shrink(canvas: Tensor, config: Preprocessing) -> Tensor:
    """Bytes (B, 3, Hc, Wc) to float32, no larger than the canvas of ``config``.

    A network may begin to learn from smaller pictures than its images were decoded for.
    """
    shape = canvas_shape(config)
    if canvas.shape[2] <= shape[0]:
        return canvas.float()
    return F.interpolate(canvas.float(), shape, mode="bilinear", antialias=True)


def as_read(pixels: Tensor, config: Preprocessing) -> Tensor:
    """What the model sees (B, 3, H, W), in bytes or float32, of canvases or of what it sees."""
    height, width = config.shape
    if pixels.shape[2:] == (height, width):
        return pixels
    # a canvas may be wider than what is seen, never higher
    inner = min(pixels.shape[3], round(pixels.shape[2] * width / height))
    left = (pixels.shape[3] - inner) // 2
    middle = pixels[..., left : left + inner].float()
    return F.interpolate(middle, (height, width), mode="bilinear", antialias=True)
