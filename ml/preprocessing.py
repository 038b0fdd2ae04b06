"""PIL image to tensor: one code path for training, evaluation and the worker."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ml.config import Preprocessing


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB of 8 bits from any mode; 16-bit grey is scaled, transparency is laid on white."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _scale_to_8_bits(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _scale_to_8_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image, dtype=np.float64)
    # PIL also opens 16-bit files as "I" (32 bits), so the range is taken from the values
    top = 65535.0 if values.max(initial=0.0) > 255 else 255.0
    return Image.fromarray((values.clip(0, top) * (255.0 / top)).round().astype(np.uint8))


def to_pixels(image: Image.Image, config: Preprocessing) -> np.ndarray:
    """Resize to the model's square. Returns uint8 (H, W, 3)."""
    image = to_rgb(image)
    square = (config.size, config.size)
    if config.resize == "cover":
        image = ImageOps.fit(image, square, Image.Resampling.BILINEAR)
    else:
        image = image.resize(square, Image.Resampling.BILINEAR)
    return np.asarray(image)


def normalise(pixels: Tensor, config: Preprocessing) -> Tensor:
    """Bytes (..., 3, H, W) to float32 of about zero mean and unit variance."""
    mean = torch.tensor(config.mean).view(3, 1, 1).to(pixels.device)
    std = torch.tensor(config.std).view(3, 1, 1).to(pixels.device)
    return (pixels.float() / 255.0 - mean) / std


def prepare(image: Image.Image, config: Preprocessing) -> Tensor:
    """PIL image of any mode and size to a float32 tensor (3, H, W)."""
    pixels = torch.from_numpy(to_pixels(image, config).copy()).permute(2, 0, 1)  # (3, H, W)
    return normalise(pixels, config)
