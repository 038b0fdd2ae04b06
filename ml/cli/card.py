"""``python -m ml card``."""

from __future__ import annotations

import argparse
from pathlib import Path

SUMMARY = "print a checkpoint's model card"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")


def run(options: argparse.Namespace) -> None:
    """Print the model card, written anew from the manifest."""
    from ml.cards import render_card
    from ml.manifest import read_manifest

    print(render_card(read_manifest(options.checkpoint)), end="")
