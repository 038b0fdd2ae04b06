"""``python -m ml train``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli.common import add_recipe, chosen_recipe, positive, print_figures, report_skipped

SUMMARY = "train a recipe and write a measured checkpoint"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe(parser)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data set")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument(
        "--start", type=Path, metavar="CHECKPOINT", help="begin with its weights (same split)"
    )
    parser.add_argument("--epochs", type=positive, metavar="N", help="instead of the recipe's")


def run(options: argparse.Namespace) -> None:
    """Train a recipe on a data set, calibrate it, measure it and write the checkpoint.

    The data set is a folder of HAM10000 (HAM10000_metadata.csv, images/) or of your own
    (labels.csv with the columns image and label, images/). The run's state is kept in DIR/run
    after every epoch; stop it with Ctrl-C, go on with --resume.
    """
    from ml.data import read_dataset
    from ml.data.samples import fold_labels
    from ml.data.splits import split
    from ml.finishing import finish
    from ml.fitting import fit, with_epochs

    recipe = with_epochs(chosen_recipe(options), options.epochs)
    dataset = fold_labels(read_dataset(options.data), recipe.classes)
    parts = split(dataset.samples, recipe.training.fractions, recipe.training.seed)
    skipped = fit(recipe, parts, options.out, options.resume, options.start)
    report_skipped(skipped)
    manifest = finish(recipe, dataset, parts, options.out, skipped=skipped)
    print_figures(manifest.metrics)
    print(f"{options.out}: written")
