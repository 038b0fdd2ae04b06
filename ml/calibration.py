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

# more cost balanced accuracy (docs/decisions/0030-calibration-between-two-worlds.md)
PRIORS = (0.0, 0.05, 0.1)
SHARPEST, SOFTEST = 0.05, 20.0  # temperatures
LONGEST = 10.0  # of what a lead is stretched by


def softmax(logits: np.ndarray) -> np.ndarray:
    """Rows (N, K) to probabilities."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def calibrate(scores: np.ndarray, calibration: dict[str, Any]) -> np.ndarray:
    """Scores (N, K) to probabilities, by a manifest's ``calibration``.

    They are softmax(z + lead * m) of z = (scores + bias) / temperature, where m is how far the
    likeliest class leads the next one, and 0 for all others. ``bias`` and ``lead`` (one number a
    class, in the order of the outputs) are missing in manifests of formats 1 and of 1 to 3. No
    lead makes another class the likeliest.
    """
    logits = (scores + np.asarray(calibration.get("bias", 0.0))) / calibration["temperature"]
    if "lead" in calibration:
        logits = logits + np.asarray(calibration["lead"]) * leads(logits)
    return softmax(logits)


def leads(logits: np.ndarray) -> np.ndarray:
    """How far the likeliest class of each row (N, K) leads the next one, and 0 for the others."""
    rows, first = np.arange(len(logits)), logits.argmax(1)
    others = logits.copy()
    others[rows, first] = -np.inf
    found = np.zeros_like(logits)
    found[rows, first] = logits[rows, first] - others.max(1)
    return found


def fit_calibration(scores: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """A manifest's ``calibration`` from held-out scores (N, K) and labels (N,).

    A model that was trained as if all classes were equally common answers so. ``prior`` times the
    logarithm of the classes' shares is added (Saerens, Latinne and Decaestecker, Neural
    Computation 14:21, 2002; Menon et al., arXiv:2007.07314): at 1 the probabilities are those of
    the data's mix, but the likeliest class is then seldom a rare one. So ``prior`` is small, that
    of ``PRIORS`` under which the labels are likeliest, and where the commonest class is the
    likeliest its lead is stretched: it is surer in the data's mix than in one of equal classes.
    Temperature and lead are fitted together
    (docs/decisions/0030-calibration-between-two-worlds.md).
    """
    shares = np.bincount(labels, minlength=scores.shape[1]) + 1.0  # no class is impossible
    logs = np.log(shares / shares.sum())
    logs -= logs.mean()
    commonest = int(shares.argmax())
    fits = [(prior, *fit_lead(scores + prior * logs, labels, commonest)) for prior in PRIORS]
    prior, temperature, lead, _ = min(fits, key=lambda fit: fit[-1])
    return {
        "temperature": round(temperature, 4),
        "prior": prior,
        "bias": [round(float(value), 4) for value in prior * logs],
        "lead": [round(lead, 4) if k == commonest else 0.0 for k in range(len(shares))],
    }


def negative_log_likelihood(logits: np.ndarray, labels: np.ndarray) -> float:
    chosen = softmax(logits)[np.arange(len(labels)), labels]
    return float(-np.log(chosen.clip(1e-300)).mean())


def fit_lead(logits: np.ndarray, labels: np.ndarray, leader: int) -> tuple[float, float, float]:
    """The temperature and the lead of class ``leader`` under which the labels are likeliest.

    Returns both and the mean negative log-likelihood. For one class's lead this is a convex problem
    in 1 / temperature and lead / temperature; without the lead it is Guo et al., arXiv:1706.04599.
    """
    from scipy.optimize import minimize

    stretched = np.zeros_like(logits)
    stretched[:, leader] = leads(logits)[:, leader]

    def loss(chosen: np.ndarray) -> float:
        sharpness, stretch = chosen
        return negative_log_likelihood(sharpness * logits + stretch * stretched, labels)

    limits = [(1 / SOFTEST, 1 / SHARPEST), (0.0, LONGEST)]
    found = minimize(loss, [1.0, 0.0], method="L-BFGS-B", bounds=limits)
    sharpness, stretch = found.x
    return float(1 / sharpness), float(stretch / sharpness), float(found.fun)


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
