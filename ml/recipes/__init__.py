"""The recipes: each a function that returns a complete, frozen configuration.

To add one, write such a function in a file of its family here, decorate it with ``@recipe`` and
import the file below.
"""

from ml.recipes import starter, vit
from ml.recipes.registry import RECIPES, get_recipe, recipe

__all__ = ["RECIPES", "get_recipe", "recipe", "starter", "vit"]
