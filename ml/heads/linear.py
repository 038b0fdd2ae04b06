"""One linear layer, and one that is asked several times with other dropouts."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LinearHead(nn.Linear):
    """One linear layer."""

    def __init__(self, features: int, classes: int):
        super().__init__(features, classes)


class MultiSampleDropoutHead(nn.Module):
    """Mean of ``passes`` through one linear layer, each with a dropout of its own.

    Multi-sample dropout (Inoue, arXiv:1905.09788). In evaluation all passes are the same, so there
    is one.
    """

    def __init__(self, features: int, classes: int, passes: int = 5, dropout: float = 0.5):
        super().__init__()
        self.passes = passes
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(features, classes)

    def forward(self, features: Tensor) -> Tensor:  # (B, D)
        if not self.training:
            return self.linear(features)  # (B, K)
        passes = [self.linear(self.dropout(features)) for _ in range(self.passes)]
        return torch.stack(passes).mean(0)  # (B, K)
