"""A run's figures as files: metrics.csv, and TensorBoard where it is wanted."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ml.errors import TrainingError

METRICS = "metrics.csv"


def write_metrics(run: Path, rows: Sequence[dict[str, float]]) -> None:
    """All epochs' figures, one row each; written anew, so that a resumed run has no row twice."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)
    (run / "metrics.new").write_text(text.getvalue())
    os.replace(run / "metrics.new", run / METRICS)


def write_tensorboard(run: Path, row: dict[str, float]) -> None:
    """Add one epoch's figures to ``run``/tensorboard."""
    epoch = int(row["epoch"])
    with import_tensorboard()(run / "tensorboard", purge_step=epoch) as writer:
        for name, value in row.items():
            if name != "epoch":
                writer.add_scalar(name, value, epoch)


def import_tensorboard() -> Any:
    """Its SummaryWriter. Raises TrainingError where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TrainingError(
            "--tensorboard needs what is listed in requirements-training.txt: "
            "python -m pip install -r requirements-training.txt"
        ) from error
    return SummaryWriter
