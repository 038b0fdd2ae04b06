"""``python -m ml predict``."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ml.cli.common import report_skipped

if TYPE_CHECKING:
    import numpy as np

    from ml.manifest import Manifest

SUMMARY = "write a CSV of probabilities for a folder of images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV", help="file to write")
    parser.add_argument(
        "--refusals", type=Path, metavar="CSV", help="also write image, outlier score and verdict"
    )


def run(options: argparse.Namespace) -> None:
    """Write one row an image: its stem, then one column of probability per class code.

    An image that the model refuses has its row too; it is named on stderr and in --refusals.
    """
    from ml.errors import DataError
    from ml.predictor import Predictor
    from ml.reading import list_images, read_images

    paths = list_images(options.images)
    if not paths:
        raise DataError(f"There are no images in {options.images}.")
    predictor = Predictor(options.checkpoint)
    readings = read_images(predictor, paths)
    report_skipped(readings.skipped)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *predictor.manifest.classes])
        for index, row in zip(readings.indices, readings.probabilities, strict=True):
            writer.writerow([paths[index].stem, *(f"{value:.12f}" for value in row)])
    print(f"{options.out}: {len(readings.indices)} images")
    stems = [paths[index].stem for index in readings.indices]
    report_refusals(stems, readings.answer.outlier_scores, predictor.manifest, options.refusals)


def report_refusals(
    stems: list[str], scores: np.ndarray | None, manifest: Manifest, out: Path | None
) -> None:
    """Name what the model refuses, on stderr and (every image) in the CSV ``out``."""
    from ml.refusal import verdict

    if scores is None:
        print("ml: this checkpoint cannot tell what is no lesion.", file=sys.stderr)
        return
    verdicts = [verdict(float(score), manifest.refusal) for score in scores]
    for stem, found in zip(stems, verdicts, strict=True):
        if found:
            print(f"ml: {stem}: {found.replace('_', ' ')}", file=sys.stderr)
    if out is None:
        return
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "outlier_score", "verdict"])
        writer.writerows(zip(stems, (f"{s:.6f}" for s in scores), verdicts, strict=True))
