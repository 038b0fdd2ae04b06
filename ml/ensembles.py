"""Several models asked about the same images: mean, weighted mean, majority, stacking.

All take the members' probabilities as one array (M, N, K), classes in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ml.data.samples import Sample
from ml.errors import DataError
from ml.evaluation import Answers, ask
from ml.labelled import read_labelled
from ml.predictor import Predictor

LEARNING = ("weighted", "stacking")
Combine = Callable[[np.ndarray], np.ndarray]


def mean(members: np.ndarray, weights: Sequence[float] | None = None) -> np.ndarray:
    """Mean probabilities (N, K); ``weights`` (M,) say how much each member counts."""
    return np.average(members, axis=0, weights=weights)


def majority(members: np.ndarray) -> np.ndarray:
    """Shares of the votes (N, K). Where votes tie, the mean probability decides."""
    count, _, k = members.shape
    votes = np.eye(k)[members.argmax(2)].mean(0)  # (N, K)
    # too little to overrule a vote, enough to order a tie
    return votes * (1 - 0.5 / count) + mean(members) * (0.5 / count)


def fit_weights(members: np.ndarray, labels: np.ndarray, steps: int = 200) -> np.ndarray:
    """The weights (M,) of the likeliest mean, by expectation-maximisation of a mixture.

    The weights stay on the simplex and the likelihood rises with each step (Dempster, Laird and
    Rubin, 1977); it is concave, so there is nothing to tune.
    """
    chosen = members[:, np.arange(len(labels)), labels].clip(1e-300)  # (M, N)
    weights = np.full(len(members), 1 / len(members))
    for _ in range(steps):
        shares = weights[:, None] * chosen
        weights = (shares / shares.sum(0)).mean(1)
    return weights


def fit_stacking(members: np.ndarray, labels: np.ndarray) -> Combine:
    """A multinomial regression on the members' log-probabilities (Wolpert, 1992).

    Classes count equally, as everywhere here. Raises DataError where a class has no image.
    """
    from sklearn.linear_model import LogisticRegression

    k = members.shape[2]
    if len(np.unique(labels)) < k:
        raise DataError("Stacking needs images of every class to be fitted on.")
    model = LogisticRegression(C=0.1, max_iter=2000, class_weight="balanced")
    model.fit(_inputs(members), labels)
    return lambda asked: model.predict_proba(_inputs(asked))


def _inputs(members: np.ndarray) -> np.ndarray:
    logs = np.log(members.clip(1e-6))  # (M, N, K)
    return logs.transpose(1, 0, 2).reshape(members.shape[1], -1)


def combiner(
    method: str, members: np.ndarray | None = None, labels: np.ndarray | None = None
) -> Combine:
    """The combination by ``method``, fitted on answers (M, N, K) and labels (N,) if it learns."""
    if method not in LEARNING:
        return {"mean": mean, "majority": majority}[method]
    if members is None or labels is None:
        raise DataError(f"'{method}' is fitted on validation answers.")
    if method == "stacking":
        return fit_stacking(members, labels)
    weights = fit_weights(members, labels).tolist()
    return lambda asked: mean(asked, weights)


def ask_ensemble(
    predictors: Sequence[Predictor],
    samples: Sequence[Sample],
    combine: Combine,
    keep: Path | None = None,
) -> Answers:
    """What the members together say of ``samples``; ``keep`` is as of ``ml.reading.read_images``.

    Raises DataError if their classes differ.
    """
    _check_classes(predictors)
    answers = [ask(predictor, samples, keep) for predictor in predictors]
    combined = combine(np.stack([answer.probabilities for answer in answers]))
    return Answers(combined, answers[0].labels, answers[0].samples, answers[0].skipped)


def fit_ensemble(
    predictors: Sequence[Predictor], method: str, images: Path | None, labels: Path | None
) -> Combine:
    """The combination by ``method``; what learns is fitted on labelled validation images.

    Raises DataError where it learns and there are none, or the members' classes differ.
    """
    if method not in LEARNING:
        return combiner(method)
    if images is None or labels is None:
        raise DataError(f"'{method}' is fitted on images: name --fit-images and --fit-labels.")
    _check_classes(predictors)
    samples = read_labelled(images, labels, predictors[0].manifest.classes).samples
    answers = [ask(predictor, samples) for predictor in predictors]
    members = np.stack([answer.probabilities for answer in answers])
    return combiner(method, members, answers[0].labels)


def _check_classes(predictors: Sequence[Predictor]) -> None:
    classes = predictors[0].manifest.classes
    if any(predictor.manifest.classes != classes for predictor in predictors):
        raise DataError("The members of an ensemble need the same classes in the same order.")
