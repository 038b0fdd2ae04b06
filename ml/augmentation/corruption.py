"""What a camera and its user do to a picture: blur, noise and hidden parts."""

from __future__ import annotations

import torch
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812

from ml.config import Augmentation


def corrupt(images: Tensor, config: Augmentation, generator: Generator) -> Tensor:
    """Blur, noise and coarse dropout of images (B, 3, H, W) in [0, 255], as far as configured."""
    if config.blur:
        images = blur(images, config.blur, generator)
    if config.noise:
        images = add_noise(images, config.noise, generator)
    if config.dropout_share:
        images = drop_out(images, config, generator)
    return images


def blur(images: Tensor, largest: float, generator: Generator) -> Tensor:
    """A Gaussian of its own for each image, its sigma up to ``largest`` pixels."""
    batch, channels, height, width = images.shape
    sigma = torch.rand(batch, generator=generator).clamp(min=1e-3) * largest
    reach = max(1, round(3 * largest))
    axis = torch.arange(-reach, reach + 1)
    kernel = torch.exp(-(axis**2) / (2 * sigma[:, None] ** 2))  # (B, T)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(channels, 0)  # (BC, T)
    kernel = kernel.to(images.device)
    # every image has a kernel of its own, so they lie side by side as the channels of one
    flat = images.reshape(1, batch * channels, height, width)
    flat = F.pad(flat, (reach, reach, reach, reach), mode="replicate")
    flat = F.conv2d(flat, kernel[:, None, None, :], groups=batch * channels)
    flat = F.conv2d(flat, kernel[:, None, :, None], groups=batch * channels)
    return flat.view(batch, channels, height, width)


def add_noise(images: Tensor, largest: float, generator: Generator) -> Tensor:
    """Gaussian noise with a deviation of up to ``largest`` of 255."""
    deviation = torch.rand(len(images), 1, 1, 1, generator=generator) * largest * 255
    noise = torch.randn(images.shape, generator=generator)
    return (images + (noise * deviation).to(images.device)).clamp(0, 255)


def drop_out(images: Tensor, config: Augmentation, generator: Generator) -> Tensor:
    """Grey rectangles over some of the images (DeVries and Taylor, arXiv:1708.04552)."""
    batch, _, height, width = images.shape
    holes, device = config.dropout_holes, images.device
    hit = torch.rand(batch, generator=generator) < config.dropout_share
    centre = torch.rand(batch, holes, 2, generator=generator)
    half = torch.rand(batch, holes, 2, generator=generator) * config.dropout_size / 2
    hit, centre, half = hit.to(device), centre.to(device), half.to(device)
    rows = ((torch.arange(height, device=device) + 0.5) / height).view(1, 1, -1)  # (1, 1, H)
    columns = ((torch.arange(width, device=device) + 0.5) / width).view(1, 1, -1)
    tall = (rows - centre[..., :1]).abs() < half[..., :1]  # (B, holes, H)
    wide = (columns - centre[..., 1:]).abs() < half[..., 1:]  # (B, holes, W)
    hidden = (tall[..., :, None] & wide[..., None, :]).any(1, keepdim=True)  # (B, 1, H, W)
    return images.masked_fill(hidden & hit.view(-1, 1, 1, 1), 127.5)
