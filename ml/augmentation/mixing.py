"""Blends of images and of their targets."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from ml.config import Augmentation


def mix(
    images: Tensor, targets: Tensor, config: Augmentation, generator: Generator
) -> tuple[Tensor, Tensor, bool]:
    """The batch as it is, or blended by mixup or cutmix, each in its share of the batches.

    Returns images (B, 3, H, W), targets (B, K) and whether they were blended.
    """
    draw = float(torch.rand((), generator=generator))
    by_mixup = config.mixup_share if config.mixup else 0.0
    if draw < by_mixup:
        return *mixup(images, targets, config.mixup, generator), True
    if draw < by_mixup + config.cutmix_share:
        return *cutmix(images, targets, generator), True
    return images, targets, False


def mixup(
    images: Tensor, targets: Tensor, alpha: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Blend each image and its target (B, K) with another's (Zhang et al., arXiv:1710.09412)."""
    # of a small alpha most draws are too small for single precision
    alphas = torch.full((2,), alpha, dtype=torch.double)
    gammas = torch._standard_gamma(alphas, generator=generator)
    share = float(gammas.max() / gammas.sum())
    order = torch.randperm(len(images), generator=generator)
    blend = images * share + images[order] * (1 - share)
    return blend, targets * share + targets[order] * (1 - share)


def cutmix(images: Tensor, targets: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Lay a rectangle of another image over each, its area uniform (Yun et al., arXiv:1905.04899).

    The targets are shared by area; the rectangle lies wholly within the image.
    """
    side = math.sqrt(float(torch.rand((), generator=generator)))
    height, width = (int(length * side) for length in images.shape[2:])
    top, left = (
        int(torch.randint(0, whole - part + 1, (), generator=generator))
        for whole, part in zip(images.shape[2:], (height, width), strict=True)
    )
    order = torch.randperm(len(images), generator=generator)
    window = (..., slice(top, top + height), slice(left, left + width))
    blend = images.clone()
    blend[window] = images[order][window]
    share = height * width / (images.shape[2] * images.shape[3])
    return blend, targets * (1 - share) + targets[order] * share
