"""Hairs and rulers, as they lie on many dermoscopic pictures and must not matter."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ml.config import Augmentation

HAIRS = 6
POINTS = 24  # of a hair, along its curve
TICKS = 12  # of a ruler, across the picture


def draw_artefacts(images: Tensor, config: Augmentation, generator: Generator) -> Tensor:
    """Draw on some of the images (B, 3, H, W) in [0, 255], as far as configured."""
    for share, mask_of in ((config.hair_share, hair_mask), (config.ruler_share, ruler_mask)):
        if not share:
            continue
        hit = torch.rand(len(images), generator=generator) < share
        chosen = hit.nonzero().flatten()
        if not len(chosen):
            continue
        device, shape = images.device, images.shape[2:]
        mask = mask_of(len(chosen), shape, generator, device)[:, None]  # (C, 1, H, W)
        ink = torch.rand(len(chosen), 3, 1, 1, generator=generator).to(device) * 60  # dark
        drawn = images[chosen] * (1 - mask) + ink * mask
        images = images.index_copy(0, chosen.to(device), drawn)
    return images


def hair_mask(
    batch: int, shape: torch.Size, generator: Generator, device: torch.device | None = None
) -> Tensor:
    """How much of each pixel hairs cover, (B, H, W) in [0, 1].

    A hair is a quadratic curve; a pixel is covered by its distance from the nearest point of it.
    """

    size = shape[0]
    aspect = torch.tensor([shape[1] / size, 1.0])

    def somewhere() -> Tensor:  # in heights of the picture
        place = (torch.rand(batch, HAIRS, 1, 2, generator=generator) * 1.4 - 0.2) * aspect
        return place.to(device)

    start, bend, end = somewhere(), somewhere(), somewhere()
    t = torch.linspace(0, 1, POINTS, device=device).view(1, 1, -1, 1)
    curve = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end  # (B, HAIRS, POINTS, 2)
    width = ((0.4 + torch.rand(batch, HAIRS, generator=generator)) / size * 1.2).to(device)
    down, across = ((torch.arange(side, device=device) + 0.5) / size for side in shape)
    points = torch.stack(torch.meshgrid(across, down, indexing="xy"), -1).view(1, 1, -1, 2)
    cover = torch.zeros(batch, shape.numel(), device=device)
    for first in range(POINTS - 1):
        distance = _to_segment(points, curve[:, :, first, None], curve[:, :, first + 1, None])
        covered = ((width[..., None] - distance) * size + 0.5).clamp(0, 1)  # (B, HAIRS, HW)
        cover = torch.maximum(cover, covered.amax(1))
    return cover.view(batch, *shape)


def _to_segment(points: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Distance of points (1, 1, P, 2) from the segments (B, HAIRS, 1, 2): (B, HAIRS, P)."""
    along = end - start
    length = along.square().sum(-1).clamp(min=1e-9)
    t = (((points - start) * along).sum(-1) / length).clamp(0, 1)[..., None]
    return (points - start - t * along).norm(dim=-1)


def ruler_mask(
    batch: int, shape: torch.Size, generator: Generator, device: torch.device | None = None
) -> Tensor:
    """How much of each pixel the ticks of a ruler cover, (B, H, W) in [0, 1].

    The ruler lies along a line at some angle, near the edge; every fifth tick is longer.
    """
    angle = torch.rand(batch, 1, 1, generator=generator).to(device) * 2 * math.pi
    offset = 0.3 + torch.rand(batch, 1, 1, generator=generator).to(device) * 0.12
    size = shape[0]
    sides = ((torch.arange(side, device=device) + 0.5 - side / 2) / size for side in shape)
    y, x = torch.meshgrid(*sides, indexing="ij")
    along = (x * angle.cos() + y * angle.sin()) * TICKS  # (B, H, W), ticks at whole numbers
    across = y * angle.cos() - x * angle.sin() - offset
    long = (along.round() % 5 == 0).float()
    tick = (1.2 - (along - along.round()).abs() * size / TICKS).clamp(0, 1)
    within = ((across >= 0) & (across < 0.05 + 0.05 * long)).float()
    line = (1.2 - across.abs() * size).clamp(0, 1)
    return torch.maximum(tick * within, line)
