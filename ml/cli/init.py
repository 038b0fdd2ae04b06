"""``python -m ml init``."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "write a checkpoint with random weights"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="a name that 'recipes' lists")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--seed", type=int, default=0, help="same seed, same weights (default 0)")


def run(options: argparse.Namespace) -> None:
    """Write a checkpoint with random weights: for tests of speed, never for reading."""
    import torch

    from ml.checkpoints import describe, save_checkpoint
    from ml.classifier import build_classifier
    from ml.recipes import get_recipe

    recipe = get_recipe(options.recipe)
    torch.manual_seed(options.seed)
    model = build_classifier(recipe.architecture, len(recipe.classes))
    manifest = save_checkpoint(options.out, model, describe(recipe, version="untrained"))
    print(f"{options.out}: {manifest.parameters:,} parameters, random weights")
