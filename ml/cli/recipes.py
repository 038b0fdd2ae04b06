"""``python -m ml recipes``."""

from __future__ import annotations

import argparse

SUMMARY = "list the recipes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


def run(options: argparse.Namespace) -> None:
    """List the recipes: name, what it is, and in brackets its options."""
    import inspect

    from ml.recipes import RECIPES

    for name, function in sorted(RECIPES.items()):
        choices = inspect.signature(function).parameters.values()
        settings = ", ".join(f"{choice.name}={choice.default}" for choice in choices)
        ending = f" [--set {settings}]" if settings else ""
        print(f"{name:25}{(function.__doc__ or '').splitlines()[0]}{ending}")
