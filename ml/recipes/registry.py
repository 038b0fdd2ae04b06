"""The list of recipes, and how one is found by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ml.config import Recipe
from ml.errors import RecipeError

RECIPES: dict[str, Callable[..., Recipe]] = {}


def recipe(function: Callable[..., Recipe]) -> Callable[..., Recipe]:
    """Register a recipe under its function's name; its keyword arguments are its options."""
    RECIPES[function.__name__] = function
    return function


def get_recipe(name: str, **options: Any) -> Recipe:
    """The recipe ``name`` with ``options``.

    Raises RecipeError for a recipe, an option or an option's value that is not known.
    """
    if name not in RECIPES:
        raise RecipeError(f"There is no recipe '{name}'; there are: {', '.join(sorted(RECIPES))}.")
    known = list(inspect.signature(RECIPES[name]).parameters)
    unknown = sorted(set(options) - set(known))
    if unknown:
        has = f"its options are: {', '.join(known)}" if known else "it has none"
        raise RecipeError(f"The recipe '{name}' has no option '{unknown[0]}'; {has}.")
    return RECIPES[name](**options)


def choose(option: str, value: str, table: dict[str, Any]) -> Any:
    """The entry of ``table`` that an option names. Raises RecipeError, with what there is."""
    if value not in table:
        raise RecipeError(f"'{option}' is one of {', '.join(table)}, not '{value}'.")
    return table[value]
