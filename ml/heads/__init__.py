"""Heads: features (B, D) to logits (B, K)."""

from collections.abc import Callable

from torch import nn

from ml.config import Head
from ml.errors import RecipeError
from ml.heads.dnn import DenseHead, DnnHead
from ml.heads.linear import LinearHead, MultiSampleDropoutHead
from ml.heads.trees import ExtraTreesHead

HEADS: dict[str, Callable[..., nn.Module]] = {
    "dense": DenseHead,
    "dnn": DnnHead,
    "extra_trees": ExtraTreesHead,
    "linear": LinearHead,
    "multi_sample_dropout": MultiSampleDropoutHead,
}


def build_head(config: Head, features: int, classes: int) -> nn.Module:
    """Build the head that ``config`` names. Raises RecipeError for unknown names and options."""
    if config.name not in HEADS:
        raise RecipeError(f"There is no head '{config.name}'.")
    try:
        return HEADS[config.name](features, classes, **config.options)
    except TypeError as error:
        raise RecipeError(f"The head '{config.name}' does not take this: {error}.") from error
