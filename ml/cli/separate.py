"""``python -m ml separate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli.common import check_new

SUMMARY = "make checkpoints of an ensemble's members, to train on from"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--version", default="1.0.0", help="of the members (default: 1.0.0)")


def run(options: argparse.Namespace) -> None:
    """Write the members of an ensemble to DIR/1, DIR/2 and so on.

    Each can be trained on (train --start), joined again and finished; it has no calibration,
    thresholds and figures of its own yet.
    """
    from ml.joining import separate

    for folder in (options.out, *options.out.glob("[0-9]*")):
        check_new(folder)
    written = separate(options.checkpoint, options.out, options.version)
    for number, manifest in enumerate(written, 1):
        print(f"{options.out / str(number)}: {manifest.parameters:,} parameters")
