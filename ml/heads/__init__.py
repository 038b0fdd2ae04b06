"""Heads: features (B, D) to logits (B, K)."""

from collections.abc import Callable
from typing import Any

from torch import nn

from ml.config import Head
from ml.errors import RecipeError
from ml.heads.dnn import DenseHead, DnnHead
from ml.heads.ensemble import EnsembleHead
from ml.heads.linear import LinearHead, MultiSampleDropoutHead
from ml.heads.trees import ExtraTreesHead


def _ensemble(features: int, classes: int, members: list[dict[str, Any]]) -> EnsembleHead:
    """``members`` are heads' names and options, and how many ``features`` are their own."""
    widths = [member["features"] for member in members]
    if sum(widths) != features:
        raise RecipeError(f"The members' heads take {sum(widths)} features of {features}.")
    heads = [build_head(Head(m["name"], m["options"]), m["features"], classes) for m in members]
    return EnsembleHead(heads, widths)


HEADS: dict[str, Callable[..., nn.Module]] = {
    "dense": DenseHead,
    "dnn": DnnHead,
    "ensemble": _ensemble,
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
