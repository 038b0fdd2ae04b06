"""Brightness, contrast, saturation, hue and white balance: one colour matrix per image."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ml.config import Augmentation

# RGB to luma and two chroma axes (YIQ, NTSC 1953), in which a turn of the chroma is a turn of hue
_TO_YIQ = torch.tensor([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


def jitter_colours(images: Tensor, config: Augmentation, generator: Generator) -> Tensor:
    """Change the colours of images (B, 3, H, W) in [0, 255], as far as configured."""
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
    matrix = matrix * brightness.view(-1, 1, 1)
    if config.white_balance:
        gains = (torch.rand(batch, 3, 1, generator=generator) * 2 - 1) * config.white_balance
        matrix = gains.exp() * matrix
    matrix = matrix.to(images.device)
    contrast = contrast.view(-1, 1, 1, 1).to(images.device)
    mean = images.mean((2, 3), keepdim=True)  # (B, 3, 1, 1)
    images = (images - mean) * contrast + mean
    images = torch.einsum("bij,bjhw->bihw", matrix, images)
    return images.clamp(0, 255)
