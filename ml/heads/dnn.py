"""Stacks of linear layers."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn


class DnnHead(nn.Module):
    """Hidden layers of linear, batch norm, ReLU (and dropout), then one linear layer.

    With 1024 features, hidden (512, 256, 64) and 7 classes it has 674,695 parameters: linear layers
    524,800 + 131,328 + 16,448 + 455, and 2 * (512 + 256 + 64) of batch norm.
    """

    def __init__(self, features: int, classes: int, hidden: list[int], dropout: float = 0.0):
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise([features, *hidden]):
            layers += [nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU()]
            layers += [nn.Dropout(dropout)] if dropout else []
        self.layers = nn.Sequential(*layers, nn.Linear([features, *hidden][-1], classes))

    def forward(self, features: Tensor) -> Tensor:  # (B, D)
        return self.layers(features)  # (B, K)


class DenseHead(nn.Module):
    """Hidden layers of linear and ReLU, one dropout after the last, then one linear layer.

    With 1,536 features, hidden (1024, 1024, 512, 512, 256, 256, 64) and 2 classes it has 3,624,642
    parameters.
    """

    def __init__(self, features: int, classes: int, hidden: list[int], dropout: float):
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in pairwise([features, *hidden]):
            layers += [nn.Linear(before, after), nn.ReLU()]
        last = nn.Linear([features, *hidden][-1], classes)
        self.layers = nn.Sequential(*layers, nn.Dropout(dropout), last)

    def forward(self, features: Tensor) -> Tensor:  # (B, D)
        return self.layers(features)  # (B, K)
