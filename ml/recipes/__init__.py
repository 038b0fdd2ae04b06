"""The recipes: each a function that returns a complete, frozen configuration.

To add one, write such a function in a file of its family here, decorate it with ``@recipe``, import
the file below, and say in tiny.py how it becomes small.
"""

from ml.recipes import (
    cae_extratrees,
    efficientnet_b0_context,
    inception_resnet_v2,
    pooled_dense,
    resnet18,
    starter,
    vit,
)
from ml.recipes.registry import RECIPES, get_recipe, recipe
from ml.recipes.tiny import shrink

__all__ = [
    "RECIPES",
    "cae_extratrees",
    "efficientnet_b0_context",
    "get_recipe",
    "inception_resnet_v2",
    "pooled_dense",
    "recipe",
    "resnet18",
    "shrink",
    "starter",
    "vit",
]
