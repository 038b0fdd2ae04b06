"""Heads: features (B, D) to logits (B, K)."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from torch import Tensor, nn

from ml.config import Head
from ml.errors import RecipeError


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


HEADS: dict[str, Callable[..., nn.Module]] = {"dnn": DnnHead}


def build_head(config: Head, features: int, classes: int) -> nn.Module:
    """Build the head that ``config`` names. Raises RecipeError for unknown names and options."""
    if config.name not in HEADS:
        raise RecipeError(f"There is no head '{config.name}'.")
    try:
        return HEADS[config.name](features, classes, **config.options)
    except TypeError as error:
        raise RecipeError(f"The head '{config.name}' does not take this: {error}.") from error
