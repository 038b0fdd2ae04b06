"""From scores to probabilities that mean something, and thresholds with a promise.

Everything here is fitted on images that the network has not learnt: those of the validation part,
or of the test part but for the lesion that is judged (ml.crossfit).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ml.manifest import DEFAULT_THRESHOLDS
from ml.metrics import malignancy, malignant_mask

# more looked harmless on 1,000 images and was not on others (docs/decisions)
PRIORS = (0.0, 0.1, 0.2, 0.3)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Rows (N, K) to probabilities."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def calibrate(scores: np.ndarray, calibration: dict[str, Any]) -> np.ndarray:
    """Scores (N, K) to probabilities, by a manifest's ``calibration``: softmax((s + bias) / T).

    ``bias`` (one number a class, in the order of the outputs) is missing in manifests of format 1.
    """
    bias = np.asarray(calibration.get("bias", 0.0))
    return softmax((scores + bias) / calibration["temperature"])


def fit_calibration(scores: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """A manifest's ``calibration`` from validation scores (N, K) and labels (N,).

    A model that was trained as if all classes were equally common answers so. ``prior`` times the
    logarithm of the classes' shares is added (Saerens, Latinne and Decaestecker, Neural
    Computation 14:21, 2002; Menon et al., arXiv:2007.07314), then the temperature is fitted. At 1
    the probabilities are those of the data's mix, but the likeliest class is then seldom a rare
    one: ``prior`` is that of ``PRIORS`` under which the labels are likeliest
    (docs/decisions/0030-calibration-between-two-worlds.md).
    """
    shares = np.bincount(labels, minlength=scores.shape[1]) + 1.0  # no class is impossible
    logs = np.log(shares / shares.sum())
    logs -= logs.mean()
    fits = [(prior, fit_temperature(scores + prior * logs, labels)) for prior in PRIORS]
    prior, temperature = min(
        fits, key=lambda fit: negative_log_likelihood((scores + fit[0] * logs) / fit[1], labels)
    )
    return {
        "temperature": round(temperature, 4),
        "prior": prior,
        "bias": [round(float(value), 4) for value in prior * logs],
    }


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
    probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str], groups: Sequence[str]
) -> dict[str, float]:
    """The manifest's thresholds from validation probabilities (N, K), labels and lesions (N,).

    Where the malignant or the benign are missing, the defaults stay.
    """
    truth, scores = malignant_mask(classes)[labels], malignancy(probabilities, classes)
    if truth.all() or not truth.any():
        return dict(DEFAULT_THRESHOLDS)
    medium = assured_threshold(scores[truth], 0.90, _count(groups, truth))
    high = specificity_threshold(scores[~truth], 0.95)
    own = probabilities[np.arange(len(labels)), labels]
    return {
        "malignancy_medium": round(medium, 6),
        # a model good enough would put it below medium; the order is kept
        "malignancy_high": round(max(medium, high), 6),
        "prediction_set": round(conformal_threshold(own[~truth], 0.90), 6),
        "prediction_set_malignant": round(conformal_threshold(own[truth], 0.90), 6),
    }


def choose_operating_points(
    probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str], groups: Sequence[str]
) -> list[dict[str, Any]]:
    """Thresholds for 90% and 95% sensitivity to malignant classes and to melanoma, as JSON.

    ``sensitivity`` is what new lesions should have at least, ``threshold`` is of the probability of
    ``target``, chosen as in ``assured_threshold``; ``assured`` is False where there were too few
    lesions to be sure of it.
    """
    points: list[dict[str, Any]] = []
    for target, truth, scores in targets(probabilities, labels, classes):
        units = _count(groups, truth)
        for wanted in (0.90, 0.95) if units else ():
            threshold = assured_threshold(scores[truth], wanted, units)
            points.append(
                {
                    "target": target,
                    "sensitivity": wanted,
                    "threshold": round(threshold, 6),
                    "assured": is_assured(wanted, units),
                }
            )
    return points


def targets(
    probabilities: np.ndarray, labels: np.ndarray, classes: Sequence[str]
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """What an operating point can look for: name, truth (N,) and score (N,)."""
    malignant = malignant_mask(classes)[labels], malignancy(probabilities, classes)
    found = [("malignant", *malignant)]
    if "mel" in classes:
        melanoma = list(classes).index("mel")
        found.append(("melanoma", labels == melanoma, probabilities[:, melanoma]))
    return found


def _count(groups: Sequence[str], chosen: np.ndarray) -> int:
    return len(set(np.asarray(groups)[chosen]))


def assured_threshold(positive_scores: np.ndarray, sensitivity: float, units: int) -> float:
    """The highest threshold whose sensitivity is at least ``sensitivity`` with 95% confidence.

    The lower bound is Clopper and Pearson's (Biometrika 26:404, 1934), with as many trials as there
    are ``units`` (lesions), because images of one lesion are no independent evidence. Where there
    are too few to be sure of it, the lowest score is the threshold.
    """
    from scipy.stats import beta

    found = np.arange(units + 1)
    lower = np.where(found > 0, beta.ppf(0.05, np.maximum(found, 1e-9), units - found + 1), 0.0)
    enough = found[lower >= sensitivity]
    wanted = enough[0] / units if len(enough) else 1.0
    return sensitivity_threshold(positive_scores, wanted)


def is_assured(sensitivity: float, units: int) -> bool:
    """Whether ``units`` lesions are enough for it, if all are found: 29 for 90%, 59 for 95%."""
    # Clopper and Pearson's lower bound for all of them
    return bool(0.05 ** (1 / units) >= sensitivity)


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
