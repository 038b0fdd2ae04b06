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
    # "I" and "F" do not say their range, so it is told from the values
    limits = (65535.0,) if image.mode.startswith("I;16") else (1.0, 255.0, 65535.0)
    top = next((limit for limit in limits if values.max() <= limit), limits[-1])
    return Image.fromarray((values.clip(0, top) * (255.0 / top)).round().astype(np.uint8))


def resize(
    image: Image.Image,
    shape: tuple[int, int],
    config: Preprocessing,
    resample: Image.Resampling = Image.Resampling.BILINEAR,
) -> np.ndarray:
    """Resize to the height and width of ``shape`` in the way of ``config``. Returns (H, W, ...).

    A shape may be wider than what the model sees (see ml.augmentation.canvas): a picture that is
    not so wide then shows as much of its height as the model would see, its margins mirrored.
    """
    height, width = shape
    if lies_turned(image.size, config):
        image = image.transpose(Image.Transpose.ROTATE_90)
    if config.resize == "cover":
        seen, own = round(height * config.aspect), round(height * image.width / image.height)
        inner = min(width, max(seen, own))
        return _pad(np.array(ImageOps.fit(image, (inner, height), resample)), shape)
    if config.resize == "squash":
        return np.array(image.resize((width, height), resample))
    share = min(width / image.width, height / image.height)
    inner_width, inner_height = (max(1, round(side * share)) for side in image.size)
    return _pad(np.array(image.resize((inner_width, inner_height), resample)), shape)


def _pad(pixels: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Pixels (h, w, ...) in the middle of ``shape``, mirrored around."""
    lacking = [whole - part for whole, part in zip(shape, pixels.shape[:2], strict=True)]
    margins = [(both // 2, both - both // 2) for both in lacking]
    return np.pad(pixels, [*margins, *[(0, 0)] * (pixels.ndim - 2)], "symmetric")


def lies_turned(size: tuple[int, int], config: Preprocessing) -> bool:
    """Whether the model sees a picture of this width and height turned by a quarter."""
    width, height = size
    return config.aspect > 1 and height > width


def to_pixels(image: Image.Image, config: Preprocessing) -> np.ndarray:
    """Resize to what the model sees. Returns uint8 (H, W, 3)."""
    return resize(to_rgb(image), config.shape, config)


def normalise(pixels: Tensor, config: Preprocessing) -> Tensor:
    """Bytes (..., 3, H, W) to float32 of about zero mean and unit variance."""
    mean = torch.tensor(config.mean).view(3, 1, 1).to(pixels.device)
    std = torch.tensor(config.std).view(3, 1, 1).to(pixels.device)
    floats = pixels.to(torch.float32, copy=True)
    return floats.div_(255.0).sub_(mean).div_(std)


def shown(images: Tensor, config: Preprocessing) -> Tensor:
    """Normalised images (..., 3, H, W) as pictures in [0, 1] again."""
    mean = torch.tensor(config.mean).view(3, 1, 1).to(images)
    std = torch.tensor(config.std).view(3, 1, 1).to(images)
    return images * std + mean


def chroma(images: Tensor, config: Preprocessing) -> Tensor:
    """How colourful normalised images (B, 3, H, W) are, (B,): the mean over their pixels of the
    difference between the strongest channel and the weakest, in [0, 1]; 0 where all is grey."""
    channels = shown(images, config)
    return (channels.amax(1) - channels.amin(1)).mean((1, 2))


def prepare(image: Image.Image, config: Preprocessing) -> Tensor:
    """PIL image of any mode and size to a float32 tensor (3, H, W)."""
    pixels = torch.from_numpy(to_pixels(image, config)).permute(2, 0, 1)  # (3, H, W)
    # a channel after the other, not a pixel after the other: the sums are vectors then
    return normalise(pixels.contiguous(), config)
