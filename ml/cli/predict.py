"""``python -m ml predict``."""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ml.cli.common import report_skipped
from ml.words import counted

if TYPE_CHECKING:
    import numpy as np

    from ml.manifest import Manifest

SUMMARY = "write a CSV of probabilities for a folder of images"
STOPPED = "stopped. The same command goes on where this one was."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV", help="file to write")
    parser.add_argument(
        "--refusals", type=Path, metavar="CSV", help="also write image, outlier score and verdict"
    )


def run(options: argparse.Namespace) -> None:
    """Write one row an image: its stem, then one column of probability per class code.

    Where several images have the same stem, each is named by its path in the folder.
    An image that the model refuses has its row too; it is named on stderr and in --refusals. What
    was read stays in a folder beside the CSV until that is written: what was stopped by Ctrl-C goes
    on by the same command.
    """
    from ml.data.tables import image_files
    from ml.errors import DataError
    from ml.kept import forget
    from ml.predictor import Predictor
    from ml.reading import read_images

    paths = image_files(options.images)
    if not paths:
        raise DataError(f"There are no images in {options.images}.")
    _report_others(options.images, len(paths))
    _check_file(options.out)
    if options.refusals:
        _check_file(options.refusals)
    predictor = Predictor(options.checkpoint)
    keep = options.out.with_name(f"{options.out.name}.reading")
    readings = read_images(predictor, paths, keep=keep)
    report_skipped(readings.skipped)
    words = name_images(paths, options.images)
    names = [words[index] for index in readings.indices]
    with options.out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *predictor.manifest.classes])
        for name, row in zip(names, readings.probabilities, strict=True):
            writer.writerow([name, *(f"{value:.12f}" for value in row)])
    print(f"{options.out}: {counted(len(readings.indices), 'image')}")
    report_refusals(names, readings.answer.outlier_scores, predictor.manifest, options.refusals)
    forget(keep)


def name_images(paths: Sequence[Path], folder: Path) -> list[str]:
    """The stem of each, or its path in ``folder`` where others have the same stem."""
    known = Counter(path.stem for path in paths)
    return [
        path.stem if known[path.stem] == 1 else path.relative_to(folder).as_posix()
        for path in paths
    ]


def _check_file(file: Path) -> None:
    """Make the folder of a file that is to be written. Raises DataError if it is a folder."""
    from ml.errors import DataError

    if file.is_dir():
        raise DataError(f"{file} is a folder; name a file in it.")
    file.parent.mkdir(parents=True, exist_ok=True)


def _report_others(folder: Path, images: int) -> None:
    others = sum(path.is_file() for path in folder.rglob("*")) - images
    if others:
        print(f"ml: not looked at, as no images: {counted(others, 'file')}.", file=sys.stderr)


def report_refusals(
    names: list[str], scores: np.ndarray | None, manifest: Manifest, out: Path | None
) -> None:
    """Name what the model refuses, on stderr and (every image) in the CSV ``out``."""
    from ml.refusal import verdict

    if scores is None:
        print("ml: this checkpoint cannot tell what is no lesion.", file=sys.stderr)
        return
    verdicts = [verdict(float(score), manifest.refusal) for score in scores]
    for name, found in zip(names, verdicts, strict=True):
        if found:
            print(f"ml: {name}: {found.replace('_', ' ')}", file=sys.stderr)
    if out is None:
        return
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "outlier_score", "verdict"])
        writer.writerows(zip(names, (f"{s:.6f}" for s in scores), verdicts, strict=True))
