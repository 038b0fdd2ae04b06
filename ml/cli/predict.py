"""``python -m ml predict``."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from ml.cli.common import report_skipped

SUMMARY = "write a CSV of probabilities for a folder of images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="CSV", help="file to write")


def run(options: argparse.Namespace) -> None:
    """Write one row an image: its stem, then one column of probability per class code."""
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
