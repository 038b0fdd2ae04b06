"""The command line of ml. Commands import what they need, so that --help answers at once."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ml.errors import MlError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns 0, 2 for bad input (one sentence on stderr), 130 for Ctrl-C."""
    options = build_parser().parse_args(arguments)
    try:
        options.command(options)
    except MlError as error:
        print(f"ml: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"ml: {error.filename}: {error.strerror}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nml: stopped. Training goes on from its last epoch with --resume.", file=sys.stderr)
        return 130
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ml",
        description="Train, measure and use models that classify dermoscopic images of skin.",
        epilog="python -m ml COMMAND --help explains one command.",
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")

    def add(command: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(command.__name__, help=text, description=command.__doc__)
        one.set_defaults(command=command)
        return one

    add(recipes, "list the recipes")

    one = add(init, "write a checkpoint with random weights")
    one.add_argument("recipe", metavar="RECIPE", help="a name that 'recipes' lists")
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    one.add_argument("--seed", type=int, default=0, help="same seed, same weights (default 0)")

    one = add(train, "train a recipe and write a measured checkpoint")
    one.add_argument("recipe", metavar="RECIPE", help="a name that 'recipes' lists")
    one.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data set")
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    one.add_argument("--resume", action="store_true", help="go on with the run in --out")
    one.add_argument(
        "--start", type=Path, metavar="CHECKPOINT", help="begin with its weights (same split)"
    )
    one.add_argument("--epochs", type=_positive, metavar="N", help="instead of the recipe's")

    one = add(evaluate, "measure a checkpoint on labelled images")
    one.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    one.add_argument("--images", type=Path, required=True, metavar="DIR")
    one.add_argument("--labels", type=Path, required=True, metavar="CSV", help="image, label")
    one.add_argument("--out", type=Path, metavar="JSON", help="also write all figures here")

    one = add(predict, "write a CSV of probabilities for a folder of images")
    one.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    one.add_argument("--images", type=Path, required=True, metavar="DIR")
    one.add_argument("--out", type=Path, required=True, metavar="CSV", help="file to write")

    one = add(card, "print a checkpoint's model card")
    one.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    return parser


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def recipes(options: argparse.Namespace) -> None:
    """List the recipes: name and first line of what each says about itself."""
    from ml.recipes import RECIPES

    for name, function in sorted(RECIPES.items()):
        print(f"{name:24}{(function.__doc__ or '').splitlines()[0]}")


def init(options: argparse.Namespace) -> None:
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


def train(options: argparse.Namespace) -> None:
    """Train a recipe on a data set, calibrate it, measure it and write the checkpoint.

    The data set is a folder of HAM10000 (HAM10000_metadata.csv, images/) or of your own
    (labels.csv with the columns image and label, images/). The run's state is kept in DIR/run
    after every epoch; stop it with Ctrl-C, go on with --resume.
    """
    from ml.data import read_dataset
    from ml.data.splits import split
    from ml.finishing import finish
    from ml.fitting import fit, with_epochs
    from ml.recipes import get_recipe

    recipe = with_epochs(get_recipe(options.recipe), options.epochs)
    dataset = read_dataset(options.data)
    parts = split(dataset.samples, recipe.training.fractions, recipe.training.seed)
    skipped = fit(recipe, parts, options.out, options.resume, options.start)
    _report_skipped(skipped)
    manifest = finish(recipe, dataset, parts, options.out, skipped=skipped)
    _print_figures(manifest.metrics)
    print(f"{options.out}: written")


def evaluate(options: argparse.Namespace) -> None:
    """Measure a checkpoint on labelled images, with intervals, by class and by subgroup.

    The CSV has the columns image (file name or stem) and label (class code or label word), and may
    have lesion_id or patient_id, sex, age and site.
    """
    from ml.data.folder import read_folder
    from ml.evaluation import ask, measure, measure_subgroups
    from ml.predictor import Predictor

    predictor = Predictor(options.checkpoint)
    answers = ask(predictor, read_folder(options.images, options.labels).samples)
    _report_skipped(answers.skipped)
    manifest = predictor.manifest
    figures = measure(answers, manifest, manifest.thresholds, str(options.images))
    _print_figures(figures)
    if options.out:
        subgroups = measure_subgroups(answers, manifest.classes)
        options.out.write_text(json.dumps(figures | {"subgroups": subgroups}, indent=2) + "\n")


def predict(options: argparse.Namespace) -> None:
    """Write one row an image: its stem, then one column of probability per class code."""
    from ml.errors import DataError
    from ml.predictor import Predictor
    from ml.reading import list_images, read_images

    paths = list_images(options.images)
    if not paths:
        raise DataError(f"There are no images in {options.images}.")
    predictor = Predictor(options.checkpoint)
    readings = read_images(predictor, paths)
    _report_skipped(readings.skipped)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *predictor.manifest.classes])
        for index, row in zip(readings.indices, readings.probabilities, strict=True):
            writer.writerow([paths[index].stem, *(f"{value:.12f}" for value in row)])
    print(f"{options.out}: {len(readings.indices)} images")


def card(options: argparse.Namespace) -> None:
    """Print the model card, written anew from the manifest."""
    from ml.cards import render_card
    from ml.manifest import read_manifest

    print(render_card(read_manifest(options.checkpoint)), end="")


def _report_skipped(skipped: Sequence[str]) -> None:
    if skipped:
        print(f"ml: {len(skipped)} files could not be read:", file=sys.stderr)
    for line in skipped:
        print(f"  {line}", file=sys.stderr)


def _print_figures(figures: dict) -> None:
    print(f"{figures['images']} images of {figures['groups']} lesions, 95% intervals")
    for name, entry in figures["overall"].items():
        if entry["value"] is None:
            print(f"  {name:32} -")
            continue
        print(f"  {name:32} {entry['value']:.3f}  ({entry['low']:.3f} to {entry['high']:.3f})")
