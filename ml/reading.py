"""Read many image files with one predictor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ml.data.decoding import decode_all
from ml.kept import Batch, Kept
from ml.predictor import Answer, Predictor
from ml.progress import progress


@dataclass
class Readings:
    """What a model said of the files at ``indices``; ``skipped`` says "file: reason" of the others.

    ``answer`` is that of all N files in one.
    """

    answer: Answer
    indices: list[int] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def probabilities(self) -> np.ndarray:
        return self.answer.probabilities


def read_images(
    predictor: Predictor,
    paths: Sequence[Path],
    batch_size: int = 16,
    change: Callable[[Tensor], Tensor] = lambda images: images,
    keep: Path | None = None,
) -> Readings:
    """What the model says of every file of ``paths`` that can be decoded; the others are listed.

    ``change`` is applied to the prepared images (B, 3, H, W) first. In the folder ``keep``, one for
    each ``change``, answers stay until ``ml.kept.forget``: a reading that was stopped goes on. A
    ``change`` that draws at random, one batch after another, cannot be kept.
    """
    kept = Kept(keep, predictor.manifest, paths, batch_size) if keep else None
    batches: list[Batch] = []
    for start in progress(range(0, len(paths), batch_size), "read"):
        batch = kept.get(start) if kept else None
        if batch is None:
            batch = _read(predictor, paths[start : start + batch_size], change)
            if kept:
                kept.put(start, batch)
        batches.append(batch._replace(indices=[start + offset for offset in batch.indices]))
    return Readings(
        _join([b.answer for b in batches if b.answer], len(predictor.manifest.classes)),
        [index for batch in batches for index in batch.indices],
        [line for batch in batches for line in batch.skipped],
    )


def _read(predictor: Predictor, paths: Sequence[Path], change: Callable[[Tensor], Tensor]) -> Batch:
    skipped: list[str] = []
    decoded = list(decode_all(paths, predictor.prepare, skipped))
    if not decoded:
        return Batch([], skipped, None)
    answer = predictor.read(change(torch.stack([image for _, image in decoded])))
    return Batch([index for index, _ in decoded], skipped, answer)


def _join(answers: list[Answer], classes: int) -> Answer:
    if not answers:
        return Answer(np.zeros((0, classes)), np.zeros((0, 0)), np.zeros((0, classes)), np.zeros(0))
    outlier = [a.outlier_scores for a in answers if a.outlier_scores is not None]
    edges = [a.edge_shares for a in answers if a.edge_shares is not None]
    return Answer(
        np.concatenate([a.probabilities for a in answers]),
        np.concatenate([a.features for a in answers]),
        np.concatenate([a.scores for a in answers]),
        np.concatenate([a.chromas for a in answers]),
        np.concatenate(outlier) if outlier else None,
        np.concatenate(edges) if edges else None,
    )
