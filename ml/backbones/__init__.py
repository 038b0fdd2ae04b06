"""Backbones: image (B, 3, H, W) to features (B, D). Each says its D as ``features``.

Those that are convolutional do it in two steps: ``forward_map``, image to map (B, C, h, w), and
``pool``, map to features. A transformer gives its attentions with ``attend``.
"""

from collections.abc import Callable
from typing import Any

from torch import nn

from ml.backbones.autoencoder import Autoencoder
from ml.backbones.ensemble import Ensemble
from ml.backbones.keras_network import KerasNetwork
from ml.backbones.resnet import ResNet
from ml.backbones.vit import ViT
from ml.config import Backbone
from ml.errors import RecipeError


def _ensemble(members: list[dict[str, Any]]) -> Ensemble:
    """``members`` are backbones' names and options."""
    return Ensemble([build_backbone(Backbone(**member)) for member in members])


BACKBONES: dict[str, Callable[..., nn.Module]] = {
    "autoencoder": Autoencoder,
    "ensemble": _ensemble,
    "keras": KerasNetwork,
    "resnet": ResNet,
    "vit": ViT,
}


def build_backbone(config: Backbone, pretrained: str | None = None) -> nn.Module:
    """Build the backbone that ``config`` names; ``pretrained`` is what the backbone says it takes.

    Raises RecipeError for an unknown name, unknown options, or weights that do not fit.
    """
    if config.name not in BACKBONES:
        raise RecipeError(f"There is no backbone '{config.name}'.")
    extra = {"pretrained": pretrained} if pretrained else {}
    try:
        return BACKBONES[config.name](**config.options, **extra)
    except TypeError as error:
        raise RecipeError(f"The backbone '{config.name}' does not take this: {error}.") from error
