"""What several commands say or ask for."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.words import counted

if TYPE_CHECKING:
    from ml.config import Recipe


def positive(text: str) -> int:
    """An argument's type: a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def gigabytes(text: str) -> float:
    """An argument's type: a size above 0, not infinite."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError("must be a number above 0")
    return value


def seed(text: str) -> int:
    """An argument's type: what torch's generators begin with."""
    from ml.ranges import RULES

    rule, value = RULES["training.seed"], int(text)
    if not rule.allows(value):
        raise argparse.ArgumentTypeError(f"must be {rule.says}")
    return value


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """The arguments that choose a recipe."""
    parser.add_argument("recipe", metavar="RECIPE", help="a name that 'recipes' lists")
    parser.add_argument(
        "--set",
        type=_setting,
        action="extend",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="an option that 'recipes' names (context=patient_mean), the classes "
        "(classes=ham10000, classes=mel,nv,bkl), or any field of the recipe by its path "
        "(training.learning_rate=3e-4)",
    )
    parser.add_argument("--config", type=Path, metavar="JSON", help="such settings in a file")
    parser.add_argument("--tiny", action="store_true", help="its tiny form, to prove the code")


def chosen_recipe(options: argparse.Namespace) -> Recipe:
    """The recipe that the arguments name. Raises RecipeError where there is none like it."""
    from ml.configuring import is_path, parse_setting, read_settings, with_settings
    from ml.recipes import get_recipe, shrink

    settings = read_settings(options.config) if options.config else {}
    paths = {key: value for key, value in settings.items() if is_path(key)}
    words = {key: value for key, value in settings.items() if not is_path(key)}
    for key, text in options.set:
        if is_path(key):
            paths |= [parse_setting(f"{key}={text}")]
        else:
            words[key] = None if text == "none" else text
    recipe = get_recipe(options.recipe, **words)
    return with_settings(shrink(recipe) if options.tiny else recipe, paths)


def _setting(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not of the form KEY=VALUE")
    return key.strip(), value


def check_new(folder: Path) -> None:
    """Raise CheckpointError if a checkpoint stands in ``folder``, which another would replace."""
    from ml.errors import CheckpointError
    from ml.manifest import MANIFEST

    if (folder / MANIFEST).exists():
        raise CheckpointError(f"{folder} holds a checkpoint already; choose another folder.")


def add_changes_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--changes",
        action="store_true",
        help="read the images again with casts, in other light and less sharp (8 times as long)",
    )


def report_skipped(skipped: Sequence[str]) -> None:
    if skipped:
        print(f"ml: left out, {counted(len(skipped), 'file')}:", file=sys.stderr)
    for line in skipped:
        print(f"  {line}", file=sys.stderr)


def report_left_out(lines: Sequence[str]) -> None:
    """The first of the images that the tables list and training cannot use."""
    if lines:
        first = "\n  ".join(lines[:20])
        print(
            f"ml: left out, {counted(len(lines), 'image')}, at first:\n  {first}", file=sys.stderr
        )


def print_figures(figures: dict[str, Any]) -> None:
    images, lesions = counted(figures["images"], "image"), counted(figures["groups"], "lesion")
    print(f"{images} of {lesions}, 95% intervals")
    _print_entries(figures["overall"])
    for change in figures.get("changes", []):
        print(f"{change['name']}: {change['says']}")
        _print_entries(change["figures"])


def _print_entries(entries: dict[str, Any]) -> None:
    for name, entry in entries.items():
        if entry["value"] is None:
            print(f"  {name:34} -")
            continue
        print(f"  {name:34} {entry['value']:.3f}  ({entry['low']:.3f} to {entry['high']:.3f})")
