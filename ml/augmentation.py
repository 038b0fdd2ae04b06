"""Augmentation of whole batches: one resampling and one colour matrix per image."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812

from ml.config import Augmentation, Preprocessing
from ml.preprocessing import normalise, resize

MARGIN = 1.125  # how much larger than the model's square the training picture is kept
ASPECT = 4 / 3  # of dermoscopic cameras


def to_canvas(image: Image.Image, config: Preprocessing) -> np.ndarray:
    """Resize to a canvas from which augmented squares are cut. Returns uint8 (H, W, 3)."""
    height = round(config.size * MARGIN)
    width = round(height * ASPECT) if config.resize == "cover" else height
    return resize(image, width, height, config.resize)


def augment(
    canvas: Tensor, size: Preprocessing, config: Augmentation, generator: Generator
) -> Tensor:
    """Bytes (B, 3, Hc, Wc) to normalised float32 (B, 3, H, W), each image turned its own way."""
    grid = sampling_grid(canvas.shape, size.size, config, generator)  # (B, H, W, 2)
    images = F.grid_sample(
        canvas.float(), grid, "bilinear", padding_mode="reflection", align_corners=False
    )
    return normalise(jitter_colours(images, config, generator), size)


def sampling_grid(
    shape: torch.Size, size: int, config: Augmentation, generator: Generator
) -> Tensor:
    """Where on the canvas each output pixel is read: (B, size, size, 2) in [-1, 1]."""
    batch, _, height, width = shape

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(batch, generator=generator) * (high - low) + low

    angle = uniform(0.0, 2 * math.pi)
    flip = torch.randint(0, 2, (batch,), generator=generator) * 2.0 - 1.0
    # a zoom of 1 shows the canvas's full height, as preprocessing does
    unit = height / size / torch.exp(uniform(*(math.log(s) for s in config.scale)))
    stretch = torch.exp(uniform(-config.stretch, config.stretch) / 2)
    cos, sin = angle.cos() * unit, angle.sin() * unit
    turn = torch.stack([cos * stretch * flip, -sin / stretch, sin * stretch * flip, cos / stretch])
    shift = torch.stack([uniform(-config.shift, config.shift) * size for _ in range(2)], 1)

    axis = torch.arange(size) - (size - 1) / 2
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).view(1, -1, 2)  # (1, HW, 2)
    points = (points + shift[:, None]) @ turn.T.reshape(batch, 2, 2).mT  # (B, HW, 2), canvas pixels
    return (points / torch.tensor([width / 2, height / 2])).view(batch, size, size, 2)


# RGB to luma and two chroma axes (YIQ, NTSC 1953), in which a turn of the chroma is a turn of hue
_TO_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def jitter_colours(images: Tensor, config: Augmentation, generator: Generator) -> Tensor:
    """Change brightness, contrast, saturation and hue of images (B, 3, H, W) in [0, 255]."""
    batch = images.shape[0]

    def around_one(spread: float) -> Tensor:
        return 1 + (torch.rand(batch, generator=generator) * 2 - 1) * spread

    brightness, contrast = around_one(config.brightness), around_one(config.contrast)
    saturation = around_one(config.saturation)
    hue = (around_one(config.hue) - 1) * 2 * math.pi
    cos, sin = saturation * hue.cos(), saturation * hue.sin()
    zero, one = torch.zeros(batch), torch.ones(batch)
    chroma = torch.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], 1).view(batch, 3, 3)
    matrix = torch.linalg.inv(_TO_YIQ) @ chroma @ _TO_YIQ  # (B, 3, 3)
    mean = images.mean((2, 3), keepdim=True)  # (B, 3, 1, 1)
    images = (images - mean) * contrast.view(-1, 1, 1, 1) + mean
    images = torch.einsum("bij,bjhw->bihw", matrix * brightness.view(-1, 1, 1), images)
    return images.clamp(0, 255)


def mixup(
    images: Tensor, targets: Tensor, alpha: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Blend each image and its target (B, K) with another's (Zhang et al., arXiv:1710.09412)."""
    gammas = torch._standard_gamma(torch.full((2,), alpha), generator=generator)
    share = gammas.max() / gammas.sum()
    order = torch.randperm(len(images), generator=generator)
    blend = images * share + images[order] * (1 - share)
    return blend, targets * share + targets[order] * (1 - share)
