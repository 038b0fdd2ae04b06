"""A convolutional auto-encoder: trained to draw its picture again, read for what it keeps of it."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class Autoencoder(nn.Module):
    """Convolutions that halve the picture once for each of ``widths``, and their mirror image.

    The features are what the last one gives, each channel pooled to ``grid`` x ``grid`` means.
    """

    def __init__(self, widths: list[int], grid: int = 4):
        super().__init__()
        self.grid = grid
        self.features = widths[-1] * grid * grid
        pairs = list(pairwise([3, *widths]))
        self.encoder = nn.Sequential(*(_down(before, after) for before, after in pairs))
        ups = [_up(after, before) for before, after in reversed(pairs[1:])]
        self.decoder = nn.Sequential(*ups, nn.Upsample(scale_factor=2), _convolution(widths[0], 3))

    def forward_map(self, images: Tensor) -> Tensor:  # (B, 3, H, W)
        return self.encoder(images)  # (B, C, h, w)

    def pool(self, maps: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(maps, self.grid).flatten(1)  # (B, D)

    def forward(self, images: Tensor) -> Tensor:
        return self.pool(self.forward_map(images))  # (B, D)

    def draw(self, images: Tensor) -> Tensor:
        """The pictures (B, 3, H, W) drawn again; their sides are multiples of 2^len(widths)."""
        return self.decoder(self.forward_map(images))  # (B, 3, H, W)


def _convolution(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, stride, padding=1)


def _down(before: int, after: int) -> nn.Module:
    return nn.Sequential(_convolution(before, after, 2), nn.BatchNorm2d(after), nn.ReLU())


def _up(before: int, after: int) -> nn.Module:
    # nearest neighbours and a convolution leave no checkerboard, as transposed convolutions do
    return nn.Sequential(
        nn.Upsample(scale_factor=2), _convolution(before, after), nn.BatchNorm2d(after), nn.ReLU()
    )
