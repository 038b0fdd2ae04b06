"""``python -m ml init``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli.common import add_recipe, check_new, chosen_recipe, seed

SUMMARY = "write a checkpoint with random weights"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--seed", type=seed, default=0, help="same seed, same weights (default 0)")


def run(options: argparse.Namespace) -> None:
    """Write a checkpoint with random weights: for tests of speed, never for reading."""
    import torch

    from ml.checkpoints import describe, save_checkpoint
    from ml.classifier import build_classifier

    check_new(options.out)
    recipe = chosen_recipe(options)
    torch.manual_seed(options.seed)
    model = build_classifier(recipe.architecture, len(recipe.classes))
    manifest = save_checkpoint(options.out, model, describe(recipe, version="untrained"))
    print(f"{options.out}: {manifest.parameters:,} parameters, random weights")
