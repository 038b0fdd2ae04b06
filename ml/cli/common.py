"""What several commands say or ask for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml.config import Recipe


def positive(text: str) -> int:
    """An argument's type: a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """The arguments that choose a recipe."""
    parser.add_argument("recipe", metavar="RECIPE", help="a name that 'recipes' lists")
    parser.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the recipe that 'recipes' names; repeat it for several",
    )
    parser.add_argument("--tiny", action="store_true", help="its tiny form, to prove the code")


def chosen_recipe(options: argparse.Namespace) -> Recipe:
    """The recipe that the arguments name. Raises RecipeError where there is none like it."""
    from ml.recipes import get_recipe, shrink

    recipe = get_recipe(options.recipe, **dict(options.set))
    return shrink(recipe) if options.tiny else recipe


def _setting(text: str) -> tuple[str, str | None]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form KEY=VALUE")
    return key, None if value == "none" else value


def report_skipped(skipped: Sequence[str]) -> None:
    if skipped:
        print(f"ml: {len(skipped)} files were left out:", file=sys.stderr)
    for line in skipped:
        print(f"  {line}", file=sys.stderr)


def print_figures(figures: dict[str, Any]) -> None:
    print(f"{figures['images']} images of {figures['groups']} lesions, 95% intervals")
    for name, entry in figures["overall"].items():
        if entry["value"] is None:
            print(f"  {name:32} -")
            continue
        print(f"  {name:32} {entry['value']:.3f}  ({entry['low']:.3f} to {entry['high']:.3f})")
