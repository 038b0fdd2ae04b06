"""Flips, turns, zooms, shifts and distortions: one resampling of each image."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F  # noqa: N812

from ml.config import Augmentation

ELASTIC_NODES = 8  # a side, of the random field that is enlarged to a smooth one
GRID_NODES = 5


def sampling_grid(
    canvas: Tensor, shape: tuple[int, int], config: Augmentation, generator: Generator
) -> Tensor:
    """Where on the canvas (B, 3, Hc, Wc) each pixel of an output of ``shape`` is read.

    Returns (B, H, W, 2) in [-1, 1].
    """
    batch, _, height, width = canvas.shape
    size, device = shape[0], canvas.device

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(batch, generator=generator) * (high - low) + low

    # over a full turn it does not matter where it begins, and over less the middle is upright
    angle = uniform(0.0, math.radians(2 * config.rotation)) - math.radians(config.rotation)
    if config.quarter_turns:
        angle += torch.randint(0, 4, (batch,), generator=generator) * math.pi / 2
    flip = torch.ones(batch)
    if config.flip:
        flip = torch.randint(0, 2, (batch,), generator=generator) * 2.0 - 1.0
    # a zoom of 1 shows the canvas's full height, as preprocessing does
    unit = height / size / torch.exp(uniform(*(math.log(s) for s in config.scale)))
    stretch = torch.exp(uniform(-config.stretch, config.stretch) / 2)
    cos, sin = angle.cos() * unit, angle.sin() * unit
    turn = torch.stack([cos * stretch * flip, -sin / stretch, sin * stretch * flip, cos / stretch])
    turn = turn.T.reshape(batch, 2, 2).mT.to(device)
    shift = torch.stack([uniform(-config.shift, config.shift) * size for _ in range(2)], 1)

    down, across = (torch.arange(side, device=device) - (side - 1) / 2 for side in shape)
    points = torch.stack(torch.meshgrid(across, down, indexing="xy"), -1).view(1, -1, 2)
    if config.elastic or config.grid:
        bent = distortion(batch, shape, config, generator, device)
        points = points + bent.flatten(1, 2)  # (B, HW, 2)
    points = (points + shift[:, None].to(device)) @ turn  # (B, HW, 2), canvas pixels
    return (points / torch.tensor([width / 2, height / 2]).to(device)).view(batch, *shape, 2)


def distortion(
    batch: int,
    shape: tuple[int, int],
    config: Augmentation,
    generator: Generator,
    device: torch.device,
) -> Tensor:
    """How far each point is moved: (B, H, W, 2) in pixels of the output.

    elastic is a smooth field (Simard et al., ICDAR 2003), grid moves the nodes of a coarse grid and
    what lies between them linearly.
    """
    moved = torch.zeros(batch, 2, *shape, device=device)
    if config.elastic:
        field = torch.randn(batch, 2, ELASTIC_NODES, ELASTIC_NODES, generator=generator)
        smooth = F.interpolate(field.to(device), size=shape, mode="bicubic", align_corners=True)
        moved += smooth * config.elastic
    if config.grid:
        nodes = torch.rand(batch, 2, GRID_NODES, GRID_NODES, generator=generator) * 2 - 1
        bent = F.interpolate(nodes.to(device), size=shape, mode="bilinear", align_corners=True)
        moved += bent * config.grid * shape[0] / (GRID_NODES - 1)
    return moved.permute(0, 2, 3, 1)


def follow(masks: Tensor, grid: Tensor, size: tuple[int, int]) -> Tensor:
    """Masks (B, Hc, Wc) of canvases as the augmented views show them, (B, *size).

    ``grid`` (B, H, W, 2) says where on the canvas each pixel of the view was read.
    """
    coarse = F.interpolate(grid.permute(0, 3, 1, 2), size, mode="bilinear", antialias=True)
    return F.grid_sample(
        masks[:, None],
        coarse.permute(0, 2, 3, 1),
        "bilinear",
        padding_mode="reflection",
        align_corners=False,
    )[:, 0]
