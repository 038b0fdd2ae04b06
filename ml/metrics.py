"""Measures of a classifier, each with a bootstrap interval.

The resampled unit is the lesion (or patient), because images of one lesion are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ml import taxonomy
from ml.outline import LEAST

Figures = dict[str, float]  # NaN where a measure is not defined
Limits = Mapping[str, float] | Mapping[str, np.ndarray]  # thresholds by name; arrays: one an image
RESAMPLES = 500
BY_CLASS = ("precision", "recall", "specificity", "f1", "f2", "auc", "average_precision")


def confusion(labels: np.ndarray, answers: np.ndarray, k: int, weights: np.ndarray) -> np.ndarray:
    """Weighted confusion matrix (K, K): rows are the truth, columns the answer."""
    return np.bincount(labels * k + answers, weights, k * k).reshape(k, k)


def roc_auc(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Area under the ROC curve with weights; ties count half (Mann-Whitney). NaN for one class."""
    _, ranks = np.unique(scores, return_inverse=True)
    up = np.bincount(ranks, weights * positive)
    down = np.bincount(ranks, weights * ~positive)
    if up.sum() == 0 or down.sum() == 0:
        return float("nan")
    below = np.cumsum(down) - down / 2
    return float((up * below).sum() / (up.sum() * down.sum()))


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, weights: np.ndarray, bins: int = 15
) -> float:
    """Mean gap of confidence and accuracy over equal-width bins (Guo et al., arXiv:1706.04599)."""
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(which, weights * (correct - confidence), bins)
    return float(np.abs(gaps).sum() / weights.sum())


def average_precision(positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    """Sum of precision times the gain in recall, from the highest score down; NaN of no positives.

    Ties are one step, as in scikit-learn: no interpolation, which would be too kind.
    """
    _, ranks = np.unique(-scores, return_inverse=True)
    up = np.bincount(ranks, weights * positive)
    given = np.cumsum(np.bincount(ranks, weights))
    if up.sum() == 0:
        return float("nan")
    precision = np.cumsum(up) / np.maximum(given, 1e-300)
    return float((precision * up).sum() / up.sum())


def brier(labels: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> float:
    """Mean squared distance (0 to 2) of probabilities (N, K) from the truth (Brier, 1950)."""
    distance = (probabilities**2).sum(1) - 2 * probabilities[np.arange(len(labels)), labels] + 1
    return _share(distance, weights)


def class_figures(table: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall, specificity, F1 and F2 of each class, each (K,), of a confusion matrix.

    F-beta is (1 + b^2) P R / (b^2 P + R); with b = 2 a missed case weighs more than a false alarm
    (van Rijsbergen, Information Retrieval, 1979).
    """
    hits, truth, given = np.diag(table), table.sum(1), table.sum(0)
    total = table.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "precision": hits / given,
            "recall": hits / truth,
            "specificity": (total - truth - given + hits) / (total - truth),
            "f1": 2 * hits / (truth + given),
            "f2": 5 * hits / (4 * truth + given),
        }


def malignancy(probabilities: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Summed probability (N,) of the malignant classes."""
    return probabilities[:, malignant_mask(classes)].sum(1)


def malignant_mask(classes: Sequence[str]) -> np.ndarray:
    return np.array([taxonomy.BY_CODE[code].malignant for code in classes])


def overall_figures(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], weights: np.ndarray
) -> Figures:
    """Measures over all classes, of labels (N,) and probabilities (N, K)."""
    answers, k = probabilities.argmax(1), len(classes)
    table = confusion(labels, answers, k, weights)
    each = class_figures(table)
    present = table.sum(1) > 0
    aucs = [roc_auc(labels == i, probabilities[:, i], weights) for i in range(k)]
    malignant, risk = malignant_mask(classes)[labels], malignancy(probabilities, classes)
    figures = {
        "accuracy": float(np.trace(table) / table.sum()),
        "balanced_accuracy": _mean(each["recall"][present]),
        # a class that was never answered has no precision; it counts as 0, as in scikit-learn
        "precision_macro": _mean(np.nan_to_num(each["precision"][present])),
        "recall_macro": _mean(each["recall"][present]),
        "specificity_macro": _mean(each["specificity"][present]),
        "f1_macro": _mean(each["f1"][present]),
        "f2_macro": _mean(each["f2"][present]),
        "auc_one_vs_rest": _mean(np.array(aucs)[present]),
        "auc_malignant": roc_auc(malignant, risk, weights),
        "average_precision_malignant": average_precision(malignant, risk, weights),
    }
    if "mel" in classes:
        melanoma = list(classes).index("mel")
        figures["auc_melanoma"] = aucs[melanoma]
        figures["average_precision_melanoma"] = average_precision(
            labels == melanoma, probabilities[:, melanoma], weights
        )
    figures["expected_calibration_error"] = expected_calibration_error(
        probabilities.max(1), answers == labels, weights
    )
    figures["brier"] = brier(labels, probabilities, weights)
    return figures


def threshold_figures(
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    thresholds: Limits,
    weights: np.ndarray,
) -> Figures:
    """What the manifest's thresholds do: sensitivity, specificity, coverage and set size.

    ``thresholds`` are numbers, or each (N,), one an image.
    """
    truth, scores = malignant_mask(classes)[labels], malignancy(probabilities, classes)
    figures = {}
    for name in ("medium", "high"):
        called = scores >= thresholds[f"malignancy_{name}"]
        figures[f"malignant_sensitivity_at_{name}"] = _share(called, weights * truth)
        figures[f"malignant_specificity_at_{name}"] = _share(~called, weights * ~truth)
    members = probabilities >= set_thresholds(thresholds, classes)  # (N, K)
    covered = members[np.arange(len(labels)), labels]
    figures["prediction_set_coverage"] = _share(covered, weights)
    figures["prediction_set_coverage_malignant"] = _share(covered, weights * truth)
    figures["prediction_set_size"] = _share(members.sum(1), weights)
    return figures


def set_thresholds(thresholds: Limits, classes: Sequence[str]) -> np.ndarray:
    """The probability (K,) from which each class is in the prediction set; (N, K) of (N,)."""
    benign = np.asarray(thresholds["prediction_set"])
    malignant = np.asarray(thresholds.get("prediction_set_malignant", benign))
    return np.where(malignant_mask(classes), malignant[..., None], benign[..., None])


def call_figures(called: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> Figures:
    """Sensitivity and specificity of calls (N,)."""
    return {
        "sensitivity": _share(called, weights * truth),
        "specificity": _share(~called, weights * ~truth),
    }


def refusal_figures(outlier_scores: np.ndarray, refusal: Limits, weights: np.ndarray) -> Figures:
    """Shares of images that are refused as no lesion, and that are at least unfamiliar."""
    return {
        f"share_{name}": _share(outlier_scores > limit, weights) for name, limit in refusal.items()
    }


def outline_figures(
    drawn: np.ndarray, expert: np.ndarray, limit: float | np.ndarray, weights: np.ndarray
) -> Figures:
    """How many lesions (N,) are called cut off, how many rightly, and how many of those that are.

    ``drawn`` and ``expert`` are shares of the edge (see ml.outline), the latter NaN where unknown.
    """
    called, known, cut = drawn > limit, ~np.isnan(expert), expert >= LEAST
    return {
        "share_cut_off": _share(called, weights),
        "precision_cut_off": _share(cut, weights * known * called),
        "sensitivity_cut_off": _share(called, weights * known * cut),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _share(values: np.ndarray, weights: np.ndarray) -> float:
    total = weights.sum()
    return float((values * weights).sum() / total) if total else float("nan")


def bootstrap(
    measure: Callable[[np.ndarray], Figures], groups: Sequence[str], seed: int = 0
) -> dict[str, dict[str, float | None]]:
    """``measure`` of weights (N,), with a 95% percentile interval over resampled groups.

    Returns {name: {value, low, high}}; None where not defined.
    """
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    count, rng = int(member.max()) + 1, np.random.default_rng(seed)
    point = measure(np.ones(len(member)))
    drawn = []
    for _ in range(RESAMPLES):
        copies = np.bincount(rng.integers(0, count, count), minlength=count)
        drawn.append(measure(copies[member].astype(float)))
    return {name: _interval(point[name], [d[name] for d in drawn]) for name in point}


def _interval(value: float, drawn: list[float]) -> dict[str, float | None]:
    sound = [d for d in drawn if np.isfinite(d)]
    if not np.isfinite(value) or not sound:
        return {"value": None, "low": None, "high": None}
    low, high = np.percentile(sound, [2.5, 97.5])
    return {"value": round(value, 4), "low": round(float(low), 4), "high": round(float(high), 4)}


def by_class(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], groups: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """For each class code: its images, and the measures of ``BY_CLASS`` with intervals."""
    k, answers = len(classes), probabilities.argmax(1)

    def measure(weights: np.ndarray) -> Figures:
        each = class_figures(confusion(labels, answers, k, weights))
        flat = {f"{m} {i}": float(v[i]) for m, v in each.items() for i in range(k)}
        aucs = (roc_auc(labels == i, probabilities[:, i], weights) for i in range(k))
        flat |= {f"auc {i}": auc for i, auc in enumerate(aucs)}
        for i in range(k):
            score = average_precision(labels == i, probabilities[:, i], weights)
            flat[f"average_precision {i}"] = score
        return flat

    entries = bootstrap(measure, groups)
    result: dict[str, dict[str, Any]] = {}
    for i, code in enumerate(classes):
        result[code] = {"images": int((labels == i).sum())}
        for name in BY_CLASS:
            result[code][name] = entries[f"{name} {i}"]
    return result
