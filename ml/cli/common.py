"""What several commands say or ask for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any


def positive(text: str) -> int:
    """An argument's type: a whole number of at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def report_skipped(skipped: Sequence[str]) -> None:
    if skipped:
        print(f"ml: {len(skipped)} files could not be read:", file=sys.stderr)
    for line in skipped:
        print(f"  {line}", file=sys.stderr)


def print_figures(figures: dict[str, Any]) -> None:
    print(f"{figures['images']} images of {figures['groups']} lesions, 95% intervals")
    for name, entry in figures["overall"].items():
        if entry["value"] is None:
            print(f"  {name:32} -")
            continue
        print(f"  {name:32} {entry['value']:.3f}  ({entry['low']:.3f} to {entry['high']:.3f})")
