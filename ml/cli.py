"""The command line of ml. Commands import what they need, so that --help answers at once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ml.errors import MlError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, 2 for bad input (one sentence on stderr), 130 for Ctrl-C."""
    options = build_parser().parse_args(arguments)
    try:
        options.command(options)
    except (MlError, OSError) as error:
        print(f"ml: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ml: stopped. A training run goes on with --resume.", file=sys.stderr)
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml",
        description="Train, measure and use models that classify dermoscopic images of skin.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    add = commands.add_parser("recipes", help="list the recipes")
    add.set_defaults(command=list_recipes)

    add = commands.add_parser("init", help="write a checkpoint with random weights")
    add.add_argument("recipe", metavar="RECIPE")
    add.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    add.add_argument("--seed", type=int, default=0, help="same seed, same weights (default 0)")
    add.set_defaults(command=init)
    return parser


def list_recipes(options: argparse.Namespace) -> None:
    from ml.recipes import RECIPES

    for name, function in sorted(RECIPES.items()):
        print(f"{name:24}{(function.__doc__ or '').splitlines()[0]}")


def init(options: argparse.Namespace) -> None:
    import torch

    from ml.checkpoints import describe, save_checkpoint
    from ml.classifier import build_classifier
    from ml.recipes import get_recipe

    recipe = get_recipe(options.recipe)
    torch.manual_seed(options.seed)
    model = build_classifier(recipe.architecture, len(recipe.classes))
    manifest = save_checkpoint(options.out, model, describe(recipe, version="untrained"))
    print(f"{options.out}: {manifest.parameters:,} parameters, random weights")
