"""``python -m ml train``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli.common import check_new, print_figures, report_left_out, report_skipped
from ml.cli.data import add_training_arguments, chosen_data, recipe_to_train, split_in_words

SUMMARY = "train a recipe and write a measured checkpoint"
STOPPED = "stopped. Training goes on from its last whole epoch with the same command and --resume."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_training_arguments(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument(
        "--start",
        type=Path,
        metavar="CHECKPOINT",
        help="begin with its weights (measured fairly where they learnt no image of the test part)",
    )
    parser.add_argument(
        "--all-but-test",
        action="store_true",
        help="learn from the validation part too; the last weights are kept",
    )
    parser.add_argument("--tensorboard", action="store_true", help="figures to DIR/run/tensorboard")


def run(options: argparse.Namespace) -> None:
    """Train a recipe on data sets, calibrate it, measure it and write the checkpoint.

    A data set is HAM10000, ISIC 2017, 2019 or 2020, an export of the ISIC archive (or what 'fetch'
    wrote), DermaMNIST's npz, a folder with labels.csv (image, label) or one folder a class. The
    run's state is kept in DIR/run after every epoch; stop it with Ctrl-C, go on with --resume.
    Several GPUs: torchrun --nproc-per-node 8 -m ml train ... (docs/training.md).
    """
    from ml.engine import is_main
    from ml.finishing import check_measurable, finish
    from ml.fitting import fit
    from ml.runstate import RUN, STATE

    if not (options.out / RUN / STATE).exists():
        check_new(options.out)
    recipe = recipe_to_train(options)
    dataset, parts = chosen_data(options, recipe)
    check_measurable(parts)
    skipped = fit(
        recipe,
        parts,
        options.out,
        options.resume,
        options.start,
        options.memory,
        options.tensorboard,
    )
    if not is_main():
        return
    report_skipped(skipped)
    report_left_out(dataset.left_out)
    words = split_in_words(options, recipe.training.fractions, recipe.training.seed)
    measured = finish(recipe, dataset, parts, words, options.out, skipped=skipped)
    report_skipped(measured.skipped)
    print_figures(measured.manifest.metrics)
    print(f"{options.out}: written")
