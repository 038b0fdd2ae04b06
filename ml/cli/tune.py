"""``python -m ml tune``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli.common import positive, report_left_out, report_skipped
from ml.cli.data import add_training_arguments, chosen_data, recipe_to_train

SUMMARY = "search for a recipe's best settings"
STOPPED = "stopped. The search goes on with the same command."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_training_arguments(parser)
    parser.add_argument("--trials", type=positive, default=20, metavar="N", help="default 20")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")


def run(options: argparse.Namespace) -> None:
    """Search for the settings with the best validation score, and write them to DIR/best.json.

    The trials are kept in DIR/trials.db, so the same command goes on with a search that was
    stopped. The test part is not looked at. Then: train RECIPE --config DIR/best.json.
    """
    from ml.tuning import tune

    recipe = recipe_to_train(options)
    dataset, parts = chosen_data(options, recipe)
    report_left_out(dataset.left_out)
    found = tune(recipe, parts, options.out, options.trials, options.memory)
    report_skipped(found.skipped)
    for path, value in found.settings.items():
        print(f"{path} = {value}")
    print(
        f"{options.out}: best.json is written; train {options.recipe}"
        f"{' --tiny' if options.tiny else ''} --config {options.out}/best.json"
    )
