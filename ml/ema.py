"""A running mean of the weights, which generalises better than the last ones."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

Model = TypeVar("Model", bound=nn.Module)


class Ema(Generic[Model]):
    """Exponential moving average of a model's weights and buffers, in ``model``.

    The decay starts low, so that the first steps are soon forgotten.
    """

    def __init__(self, source: Model, decay: float):
        self.model: Model = copy.deepcopy(source)
        self.model.eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, source: nn.Module) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        new = source.state_dict()
        for name, mean in self.model.state_dict().items():
            if mean.is_floating_point():
                mean.lerp_(new[name], 1 - decay)
            else:
                mean.copy_(new[name])
