"""The numbers behind the figures: ROC curves and reliability, small enough for a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ml.metrics import malignancy, malignant_mask

STEPS = 101
BINS = 15
TENTHS = 10


def describe_curves(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> dict[str, Any]:
    """ROC curves and reliability of labels (N,) and probabilities (N, K), as JSON.

    ``roc`` has ``false_positive`` (101 shares) and, by class code and for "malignant" (the summed
    probability of the malignant classes), the share of true positives at each. ``reliability`` has
    one entry a bin of the top probability that holds images, ``malignancy`` one for each tenth of
    the images by their summed probability of the malignant classes.
    """
    malignant, risks = malignant_mask(classes)[labels], malignancy(probabilities, classes)
    curves = {"malignant": (malignant, risks)}
    curves |= {code: (labels == i, probabilities[:, i]) for i, code in enumerate(classes)}
    drawn = {name: roc_curve(*curve) for name, curve in curves.items() if _both(curve[0])}
    correct = probabilities.argmax(1) == labels
    return {
        "roc": {
            "false_positive": _rounded(np.linspace(0, 1, STEPS)),
            "true_positive": {name: _rounded(curve) for name, curve in drawn.items()},
        },
        "reliability": reliability(probabilities.max(1), correct),
        "malignancy": tenths(risks, malignant) if _both(malignant) else [],
    }


def roc_curve(positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The share of positives that is found at 0%, 1%, ... 100% of false positives, (101,)."""
    _, ranks = np.unique(-scores, return_inverse=True)
    up, down = np.bincount(ranks, positive), np.bincount(ranks, ~positive)
    found = np.concatenate([[0.0], np.cumsum(up) / up.sum()])
    false = np.concatenate([[0.0], np.cumsum(down) / down.sum()])
    grid = np.linspace(0, 1, STEPS)
    # where the curve rises straight up, its upper end counts
    last = np.searchsorted(false, grid + 1e-12, side="right") - 1
    following = np.minimum(last + 1, len(false) - 1)
    gap = np.where(following > last, false[following] - false[last], 1.0)
    return found[last] + (found[following] - found[last]) * (grid - false[last]) / gap


def reliability(confidence: np.ndarray, correct: np.ndarray) -> list[dict[str, float]]:
    """Of each of 15 equal bins of confidence: its images, their mean confidence and accuracy."""
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        {
            "images": int((which == b).sum()),
            "confidence": round(float(confidence[which == b].mean()), 4),
            "accuracy": round(float(correct[which == b].mean()), 4),
        }
        for b in np.unique(which)
    ]


def tenths(risks: np.ndarray, positive: np.ndarray) -> list[dict[str, float]]:
    """The images (N,) in ten parts of about the same size by rising risk: least and largest risk of
    each, its images and how many of them are ``positive``."""
    order = np.argsort(risks, kind="stable")
    return [
        {
            "least": round(float(risks[part[0]]), 4),
            "largest": round(float(risks[part[-1]]), 4),
            "images": len(part),
            "malignant": int(positive[part].sum()),
        }
        for part in np.array_split(order, TENTHS)
        if len(part)
    ]


def _both(positive: np.ndarray) -> bool:
    return bool(positive.any() and not positive.all())


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 4) for value in values]
