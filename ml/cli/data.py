"""The arguments of the commands that read data sets, and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ml.cli.common import add_recipe, chosen_recipe, gigabytes, positive

if TYPE_CHECKING:
    from ml.config import Recipe
    from ml.data.samples import Dataset
    from ml.data.splits import Splits


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """A recipe, and what it is trained on."""
    add_recipe(parser)
    add_data_arguments(parser)
    parser.add_argument(
        "--memory",
        type=gigabytes,
        default=8.0,
        metavar="GB",
        help="decode what is larger batch by batch (default: 8)",
    )
    parser.add_argument("--epochs", type=positive, metavar="N", help="instead of the recipe's")


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Data sets, and how they are split."""
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
        help="what must stay in one part of the split: listed pairs, equal files, equal looks "
        "(default: listed)",
    )
    parser.add_argument("--split", type=Path, metavar="CSV", help="image, split: an official one")
    parser.add_argument(
        "--fold", metavar="K/N", help="cross-validation: the K-th of N folds, 3 or more"
    )


def recipe_to_train(options: argparse.Namespace) -> Recipe:
    """The recipe that the arguments name, as long as --epochs says."""
    from ml.fitting import with_epochs

    return with_epochs(chosen_recipe(options), options.epochs)


def chosen_data(options: argparse.Namespace, recipe: Recipe) -> tuple[Dataset, Splits]:
    """The data sets that the arguments name, as one, and its split.

    Raises DataError where it has no validation part and none was to be done without, and where
    --out is one of the data sets.
    """
    from ml.data.splits import all_but_test
    from ml.errors import DataError

    if options.out.resolve() in {folder.resolve() for folder in options.data}:
        raise DataError(f"--out is the data set {options.out}; name a folder of its own.")
    training = recipe.training
    dataset, parts = split_data(options, recipe.classes, training.fractions, training.seed)
    if getattr(options, "all_but_test", False):
        parts = all_but_test(parts)
    elif not parts.validation:
        raise DataError("The split has no validation part; --all-but-test does without one.")
    return dataset, parts


def split_data(
    options: argparse.Namespace, classes: Sequence[str], fractions: Sequence[float], seed: int
) -> tuple[Dataset, Splits]:
    """The data sets that the arguments name, as one of these ``classes``, and its split."""
    from ml.data.preparing import join_datasets, prepare_datasets, split_datasets

    mapping = dict(text.partition("=")[::2] for text in options.map)
    datasets = prepare_datasets(options.data, classes, mapping, options.duplicates)
    parts = split_datasets(datasets, fractions, seed, options.split, _folds(options))
    return join_datasets(datasets), parts


def split_in_words(options: argparse.Namespace, fractions: Sequence[float], seed: int) -> str:
    """How the data were split, for the model card."""
    rule = "by class, never parting what the data name as one patient or lesion, or near-duplicates"
    folds = _folds(options)
    if options.split is not None:
        return f"as {options.split.name} says"
    if folds is not None:
        which = f"fold {folds[0]} of {folds[1]} for testing, the next for validation"
        return f"{which}; {rule}; seed {seed}"
    shares = " / ".join(f"{fraction:.0%}" for fraction in fractions)
    return f"{shares} for training, validation and test; {rule}; seed {seed}"


def _folds(options: argparse.Namespace) -> tuple[int, int] | None:
    from ml.errors import DataError

    if options.fold and options.split:
        raise DataError("--split and --fold are two splits; give one of them.")
    if not options.fold:
        return None
    index, _, number = options.fold.partition("/")
    if not (index.isdigit() and number.isdigit()):
        raise DataError(f"'{options.fold}' is no fold; write it as 1/5.")
    return int(index), int(number)
