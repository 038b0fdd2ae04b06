"""Several heads, each on its own part of the features."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class EnsembleHead(nn.Module):
    """The mean of the members' log-probabilities; the next ``widths`` features are each one's."""

    def __init__(self, members: Sequence[nn.Module], widths: Sequence[int]):
        super().__init__()
        self.members = nn.ModuleList(members)
        self.widths = list(widths)

    def forward(self, features: Tensor) -> Tensor:  # (B, D)
        parts = features.split(self.widths, 1)
        logits = [head(part) for head, part in zip(self.members, parts, strict=True)]
        return torch.stack(logits).log_softmax(-1).mean(0)  # (B, K)
