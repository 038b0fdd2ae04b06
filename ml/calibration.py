"""From scores to probabilities that mean something, and thresholds with a promise.

Everything here is fitted on the validation part, never on the test part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ml.metrics import malignancy, malignant_mask


def softmax(logits: np.ndarray) -> np.ndarray:
    """Rows (N, K) to probabilities."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    chosen = softmax(logits)[np.arange(len(labels)), labels]
    return float(-np.log(chosen.clip(1e-300)).mean())


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The T that makes softmax(logits / T) likeliest, between 1/20 and 20.

    Guo et al., arXiv:1706.04599. The likelihood has one peak in T; golden-section search finds it.
    """
    low, high = math.log(0.05), math.log(20.0)
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(60):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        first, second = (negative_log_likelihood(logits / math.exp(t), labels) for t in (a, b))
        low, high = (low, b) if first < second else (a, high)
    return math.exp((low + high) / 2)


def choose_thresholds(
    probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> dict[str, float]:
    """The manifest's thresholds from validation probabilities (N, K) and labels (N,)."""
    truth, scores = malignant_mask(classes)[labels], malignancy(probabilities, classes)
    medium = sensitivity_threshold(scores[truth], 0.90)
    high = specificity_threshold(scores[~truth], 0.95)
    own = probabilities[np.arange(len(labels)), labels]
    return {
        "malignancy_medium": round(medium, 6),
        # a model good enough would put it below medium; the order is kept
        "malignancy_high": round(max(medium, high), 6),
        "prediction_set": round(conformal_threshold(own, 0.90), 6),
    }


def sensitivity_threshold(positive_scores: np.ndarray, sensitivity: float) -> float:
    """The highest threshold that at least ``sensitivity`` of the positive scores reach."""
    ordered = np.sort(positive_scores)
    missed = math.floor(len(ordered) * (1 - sensitivity) + 1e-9)
    return _below(ordered[missed])


def specificity_threshold(negative_scores: np.ndarray, specificity: float) -> float:
    """A threshold that at least ``specificity`` of the negative scores stay under."""
    ordered = np.sort(negative_scores)
    kept = math.ceil(len(ordered) * specificity - 1e-9)
    return float(min(1.0, np.ceil(ordered[kept - 1] * 1e6 + 0.5) / 1e6))


def conformal_threshold(true_class_probabilities: np.ndarray, coverage: float) -> float:
    """Split-conformal threshold of the least ambiguous set-valued classifier.

    A class is in the set if its probability reaches the threshold; for exchangeable images the true
    class is in it with at least ``coverage`` (Sadinle, Lei and Wasserman, arXiv:1609.00451).
    """
    ordered = np.sort(true_class_probabilities)
    missed = math.floor((len(ordered) + 1) * (1 - coverage) + 1e-9)
    return _below(ordered[missed - 1]) if missed else 0.0


def _below(value: float) -> float:
    # rounding to six digits must not push the threshold over the score that sets it
    return float(np.floor(value * 1e6) / 1e6)
