"""``python -m ml finish``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli.common import print_figures

SUMMARY = "calibrate and measure a checkpoint anew; its weights stay"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="rewritten in place")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="its data set")
    parser.add_argument("--seed", type=int, default=0, help="of its split (default: 0)")
    parser.add_argument(
        "--fractions",
        type=float,
        nargs=3,
        default=(0.8, 0.1, 0.1),
        metavar=("TRAIN", "VALIDATION", "TEST"),
        help="of its split (default: 0.8 0.1 0.1)",
    )
    parser.add_argument(
        "--familiar",
        type=Path,
        metavar="DIR",
        help="pictures of real lesions from other cameras, which are not to be refused",
    )


def run(options: argparse.Namespace) -> None:
    """Fit calibration, thresholds, operating points and refusal on the validation part of the data
    set that a checkpoint was trained on, measure it on the test part, and write manifest and card.
    Where it has learnt from the validation part too (train --all-but-test), all is fitted on the
    test part, and each image measured by what was fitted without its lesion.

    The split must be the one of the training, or the figures are those of images it has learnt.
    """
    from ml.data import read_dataset
    from ml.data.samples import fold_labels
    from ml.data.splits import split
    from ml.errors import DataError
    from ml.finishing import as_trained, measure_checkpoint
    from ml.manifest import read_manifest
    from ml.reading import list_images

    manifest = read_manifest(options.checkpoint)
    dataset = fold_labels(read_dataset(options.data), manifest.classes)
    parts = as_trained(manifest, split(dataset.samples, options.fractions, options.seed))
    familiar = list_images(options.familiar) if options.familiar else []
    if options.familiar and not familiar:
        raise DataError(f"{options.familiar} holds no pictures.")
    source = f"the test part of {dataset.name}, held out by lesion"
    measured = measure_checkpoint(options.checkpoint, parts, source, familiar)
    print_figures(measured.metrics)
