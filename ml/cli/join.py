"""``python -m ml join``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli.common import check_new

SUMMARY = "make one checkpoint of several: the mean of their answers, or of their weights"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoints", type=Path, nargs="+", metavar="CHECKPOINT")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument(
        "--weights",
        action="store_true",
        help="one network with the mean of their weights; they must descend from the same weights",
    )
    parser.add_argument("--version", default="1.0.0", help="of the new model (default: 1.0.0)")


def run(options: argparse.Namespace) -> None:
    """Join convolutional checkpoints with the same classes and preprocessing into an ensemble, or
    average the weights of several trainings from one start.

    It is one model for every command and for the worker. Finish it afterwards: it has no
    calibration, thresholds and figures of its own yet.
    """
    from ml.joining import average, join

    check_new(options.out)
    make = average if options.weights else join
    manifest = make(options.checkpoints, options.out, options.version)
    print(f"{options.out}: {len(options.checkpoints)} members, {manifest.parameters:,} parameters")
