"""Blends of images."""

from __future__ import annotations

import torch
from torch import Generator, Tensor


def mixup(
    images: Tensor, targets: Tensor, alpha: float, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Blend each image and its target (B, K) with another's (Zhang et al., arXiv:1710.09412)."""
    gammas = torch._standard_gamma(torch.full((2,), alpha), generator=generator)
    share = gammas.max() / gammas.sum()
    order = torch.randperm(len(images), generator=generator)
    blend = images * share + images[order] * (1 - share)
    return blend, targets * share + targets[order] * (1 - share)
