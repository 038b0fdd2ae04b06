"""What is usual for the patient, beside what is seen."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PatientMeanContext(nn.Module):
    """The lesion's features and, behind them, the mean over all lesions of its patient."""

    def __init__(self, features: int):
        super().__init__()
        self.features = 2 * features

    def forward(self, features: Tensor, others: Tensor, mask: Tensor) -> Tensor:
        # features (B, D), others (B, M, D), mask (B, M)
        shown = mask[..., None].to(features)  # (B, M, 1)
        total = features + (others.to(features) * shown).sum(1)
        return torch.cat([features, total / (1 + shown.sum(1))], 1)  # (B, 2 D)
