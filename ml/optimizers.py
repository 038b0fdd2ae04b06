"""Optimizers, with the backbone in groups of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ml.config import Training
from ml.errors import TrainingError

OPTIMIZERS: dict[str, Callable[[list[dict[str, Any]], Training], torch.optim.Optimizer]] = {
    "adamw": lambda groups, config: torch.optim.AdamW(groups, config.learning_rate),
    "sgd": lambda groups, config: torch.optim.SGD(
        groups, config.learning_rate, config.momentum, nesterov=config.momentum > 0
    ),
}


def build_optimizer(model: nn.Module, config: Training) -> torch.optim.Optimizer:
    """The optimizer that ``config`` names, without weight decay on biases and norms.

    Each group has a ``share`` of the learning rate: ``backbone_rate`` for the backbone, else 1.
    """
    if config.optimizer not in OPTIMIZERS:
        there = ", ".join(OPTIMIZERS)
        raise TrainingError(f"There is no optimizer '{config.optimizer}'; there are: {there}.")
    groups: list[dict[str, Any]] = []
    for in_backbone, share in ((True, config.backbone_rate), (False, 1.0)):
        part = [p for n, p in model.named_parameters() if n.startswith("backbone.") == in_backbone]
        for matrix, decay in ((True, config.weight_decay), (False, 0.0)):
            members = [p for p in part if (p.ndim > 1) == matrix]
            if members:
                groups.append({"params": members, "weight_decay": decay, "share": share})
    return OPTIMIZERS[config.optimizer](groups, config)
