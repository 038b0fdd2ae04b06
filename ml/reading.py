"""Read many image files with one predictor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ml.data.decoding import decode_all
from ml.predictor import Predictor
from ml.progress import progress

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}


@dataclass
class Readings:
    """``probabilities`` float64 (N, K) of the files at ``indices``; ``skipped``: "file: reason"."""

    probabilities: np.ndarray
    indices: list[int] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def list_images(folder: Path) -> list[Path]:
    """Image files below ``folder``, in the order of their names."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


def read_images(predictor: Predictor, paths: Sequence[Path], batch_size: int = 16) -> Readings:
    """Probabilities for every file of ``paths`` that can be decoded; the others are listed."""
    readings = Readings(np.zeros((0, len(predictor.manifest.classes))))
    answers = [readings.probabilities]
    for start in progress(range(0, len(paths), batch_size), "read"):
        chunk = paths[start : start + batch_size]
        decoded = list(decode_all(chunk, predictor.prepare, readings.skipped))
        if decoded:
            readings.indices += [start + offset for offset, _ in decoded]
            answers.append(predictor.predict(torch.stack([image for _, image in decoded])))
    readings.probabilities = np.concatenate(answers)  # (N, K)
    return readings
