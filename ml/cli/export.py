"""``python -m ml export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli.common import check_new

SUMMARY = "write a checkpoint for another runtime"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("--format", choices=("onnx", "fp16"), required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")


def run(options: argparse.Namespace) -> None:
    """Write a folder that another runtime, or a smaller disk, can hold.

    onnx: model.onnx gives the scores (log-probabilities averaged over the test-time views) and the
    features of prepared images; manifest.json beside it has the calibration that makes them
    probabilities. fp16: a checkpoint with matrices in half precision, which every command reads.
    """
    from ml.export import export_half, export_onnx

    check_new(options.out)
    write = {"onnx": export_onnx, "fp16": export_half}[options.format]
    file = write(options.checkpoint, options.out)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
