"""``python -m ml finish``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli.common import add_changes_argument, print_figures, report_skipped, seed
from ml.cli.data import add_data_arguments, split_data

SUMMARY = "calibrate and measure a checkpoint anew; its weights stay"
STOPPED = "stopped. The checkpoint is as it was; the same command goes on."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="rewritten in place")
    add_data_arguments(parser)
    parser.add_argument("--seed", type=seed, default=0, help="of its split (default: 0)")
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
        help="more pictures of real lesions that are not to be refused (of other cameras, say)",
    )
    add_changes_argument(parser)


def run(options: argparse.Namespace) -> None:
    """Fit calibration, thresholds, operating points and refusal on the validation part of the data
    set that a checkpoint was trained on, measure it on the test part, and write manifest and card.
    Where it has learnt from the validation part too (train --all-but-test), all is fitted on the
    test part, and each image measured by what was fitted without its lesion.

    The split must be the one of the training; another is refused (of older checkpoints the sizes of
    its parts alone are compared).
    """
    from ml.data.tables import image_files
    from ml.errors import DataError
    from ml.finishing import as_trained, check_measurable, measure_checkpoint, name_source
    from ml.manifest import read_manifest
    from ml.ranges import RULES

    rule = RULES["training.fractions"]
    if not rule.allows(options.fractions):
        raise DataError(f"--fractions are {rule.says}.")
    manifest = read_manifest(options.checkpoint)
    dataset, parts = split_data(options, manifest.classes, options.fractions, options.seed)
    parts = as_trained(manifest, parts)
    check_measurable(parts)
    familiar = image_files(options.familiar) if options.familiar else []
    if options.familiar and not familiar:
        raise DataError(f"{options.familiar} holds no pictures.")
    measured = measure_checkpoint(
        options.checkpoint, parts, name_source(dataset), familiar, options.changes
    )
    report_skipped(measured.skipped)
    print_figures(measured.manifest.metrics | {"changes": measured.manifest.changes})
