"""``python -m ml recipes``."""

from __future__ import annotations

import argparse

SUMMARY = "list the recipes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(options: argparse.Namespace) -> None:
    """List the recipes: name and first line of what each says about itself."""
    from ml.recipes import RECIPES

    for name, function in sorted(RECIPES.items()):
        print(f"{name:24}{(function.__doc__ or '').splitlines()[0]}")
