"""The arguments of the commands that read data sets, and what they mean."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ml.cli.common import add_recipe, chosen_recipe, positive

if TYPE_CHECKING:
    from ml.config import Recipe
    from ml.data.samples import Dataset
    from ml.data.splits import Splits


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """A recipe, and what it is trained on."""
    add_recipe(parser)
    parser.add_argument(
        "--data", type=Path, required=True, nargs="+", metavar="DIR", help="one data set or more"
    )
    parser.add_argument(
        "--map", default=[], nargs="+", metavar="A=B", help="read class A as class B (sk=bkl)"
    )
    parser.add_argument(
        "--duplicates",
        default="listed",
        choices=("listed", "bytes", "looks"),
        help="what must stay in one part of the split: listed pairs, equal files, equal looks",
    )
    parser.add_argument("--split", type=Path, metavar="CSV", help="image, split: an official one")
    parser.add_argument("--fold", metavar="K/N", help="cross-validation: the K-th of N folds")
    parser.add_argument(
        "--memory", type=float, default=8.0, metavar="GB", help="decode larger data batch by batch"
    )
    parser.add_argument("--epochs", type=positive, metavar="N", help="instead of the recipe's")


def recipe_to_train(options: argparse.Namespace) -> Recipe:
    """The recipe that the arguments name, as long as --epochs says."""
    from ml.fitting import with_epochs

    return with_epochs(chosen_recipe(options), options.epochs)


def chosen_data(options: argparse.Namespace, recipe: Recipe) -> tuple[Dataset, Splits]:
    """The data sets that the arguments name, as one, and its split.

    Raises DataError where it has no validation part and none was to be done without.
    """
    from ml.data.preparing import join_datasets, prepare_datasets, split_datasets
    from ml.data.splits import all_but_test
    from ml.errors import DataError

    mapping = dict(text.partition("=")[::2] for text in options.map)
    datasets = prepare_datasets(options.data, recipe.classes, mapping, options.duplicates)
    folds = None
    if options.fold:
        index, _, number = options.fold.partition("/")
        if not (index.isdigit() and number.isdigit()):
            raise DataError(f"'{options.fold}' is no fold; write it as 1/5.")
        folds = int(index), int(number)
    training = recipe.training
    parts = split_datasets(datasets, training.fractions, training.seed, options.split, folds)
    if getattr(options, "all_but_test", False):
        parts = all_but_test(parts)
    elif not parts.validation:
        raise DataError("The split has no validation part; --all-but-test does without one.")
    return join_datasets(datasets), parts
