"""The list of recipes, and how one is found by its name."""

from __future__ import annotations

from collections.abc import Callable

from ml.config import Recipe
from ml.errors import RecipeError

RECIPES: dict[str, Callable[[], Recipe]] = {}


def recipe(function: Callable[[], Recipe]) -> Callable[[], Recipe]:
    """Register a recipe under its function's name."""
    RECIPES[function.__name__] = function
    return function


def get_recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise RecipeError(f"There is no recipe '{name}'; there are: {', '.join(sorted(RECIPES))}.")
    return RECIPES[name]()
