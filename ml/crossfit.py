"""From a network's scores to what is said: fitted on images that it has not learnt.

Calibration, thresholds, operating points, refusal and the limit of "cut off" are fitted on the
validation part and judge the test part. Where the network has learnt from the validation part too,
they are fitted on the test part, and its figures come from five other fits: each judges the fifth
of the lesions that it has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ml.calibration import calibrate, choose_operating_points, choose_thresholds, fit_calibration
from ml.data.splits import group_folds
from ml.errors import DataError
from ml.evaluation import Answers, own_answer
from ml.outline import CUT_OFF, choose_limit
from ml.predictor import Answer
from ml.refusal import Familiar, fit_refusal
from ml.words import counted

FOLDS = 5


@dataclass(frozen=True)
class Fitted:
    """What is fitted. Of a cross-fit (``judge_apart``) every limit is an array (N,), one an image.

    ``points`` are as in ml.calibration.choose_operating_points; ``statistics`` is None, and
    ``refusal`` and ``outline`` are empty, where there was too little to choose them by.
    """

    calibration: dict[str, Any]
    thresholds: dict[str, Any]
    points: list[dict[str, Any]]
    statistics: Familiar | None
    refusal: dict[str, Any]
    outline: dict[str, Any]


@dataclass(frozen=True)
class Known:
    """Features (M, D) of more real lesions, without a label; ``groups`` as of ``Answers``.

    ``changed`` (M,) are those of images as another camera may show them (see ml.refusal).
    """

    features: np.ndarray
    groups: list[str]
    changed: np.ndarray

    def without(self, groups: set[str]) -> Known:
        """All but the images of these lesions."""
        kept = np.array([group not in groups for group in self.groups], dtype=bool)
        left = [group for group in self.groups if group not in groups]
        return Known(self.features[kept], left, self.changed[kept])


def fit_to(answers: Answers, classes: Sequence[str], more: Known | None = None) -> Fitted:
    """Fit everything to ``answers``, and refusal to ``more`` too."""
    read, labels, groups = own_answer(answers), answers.labels, answers.groups
    calibration = fit_calibration(read.scores, labels)
    probabilities = calibrate(read.scores, calibration)
    features, changed = read.features, np.zeros(len(groups), dtype=bool)
    if more is not None:
        features = np.concatenate([features, more.features])
        groups = groups + more.groups
        changed = np.concatenate([changed, more.changed])
    statistics, refusal = fit_refusal(features, groups, changed) or (None, {})
    return Fitted(
        calibration,
        choose_thresholds(probabilities, labels, classes, answers.groups),
        choose_operating_points(probabilities, labels, classes, answers.groups),
        statistics,
        refusal,
        _fit_outline(answers),
    )


def judge(answers: Answers, fitted: Fitted) -> None:
    """Set the probabilities and outlier scores of ``answers`` by what was fitted on others."""
    read = own_answer(answers)
    answers.probabilities = calibrate(read.scores, fitted.calibration)
    if fitted.statistics is not None:
        read.outlier_scores = fitted.statistics.score_pictures(read.features, read.chromas)


def judge_apart(
    answers: Answers,
    classes: Sequence[str],
    more: Known | None = None,
    changed: Sequence[Answers] = (),
    seed: int = 0,
) -> Fitted:
    """``judge`` each image of ``answers`` by a fit to the four fifths that lack its lesion.

    So is each of ``changed``, which are answers to the same images seen in another way. What
    ``more`` has of a lesion has no part in a fit that judges it either. Returns the limits that
    each image was judged by. What not every fit could choose is left out. Raises
    DataError for fewer than five lesions.
    """
    lesions = len(set(answers.groups))
    if lesions < FOLDS:
        raise DataError(
            f"The test part has {counted(lesions, 'lesion')}; {FOLDS} or more are needed."
        )
    fold = group_folds(answers.groups, FOLDS, seed)
    fits = []
    for number in range(FOLDS):
        learnt, judged = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        others = more and more.without({answers.groups[index] for index in judged})
        fits.append(fit_to(_take(answers, learnt), classes, others))
    for seen in (answers, *changed):
        _judge_folds(seen, fits, fold)
    return _one_an_image(fits, fold)


def _judge_folds(answers: Answers, fits: Sequence[Fitted], fold: np.ndarray) -> None:
    """``judge`` each image by the fit of its fold."""
    outlier_scores = np.zeros(len(fold))
    for number, fitted in enumerate(fits):
        inside = np.flatnonzero(fold == number)
        part = _take(answers, inside)
        judge(part, fitted)
        answers.probabilities[inside] = part.probabilities
        if fitted.statistics is not None:
            outlier_scores[inside] = own_answer(part).outlier_scores
    if all(fit.statistics is not None for fit in fits):
        own_answer(answers).outlier_scores = outlier_scores


def _one_an_image(fits: Sequence[Fitted], fold: np.ndarray) -> Fitted:
    def spread(limits: Sequence[dict[str, Any]]) -> dict[str, Any]:
        shared = [name for name in limits[0] if all(name in one for one in limits)]
        return {name: np.array([one[name] for one in limits])[fold] for name in shared}

    points = [
        first | spread([{"threshold": fit.points[index]["threshold"]} for fit in fits])
        for index, first in enumerate(fits[0].points)
        if all(len(fit.points) == len(fits[0].points) for fit in fits)
    ]
    return replace(
        fits[0],
        thresholds=spread([fit.thresholds for fit in fits]),
        points=points,
        refusal=spread([fit.refusal for fit in fits]),
        outline=spread([fit.outline for fit in fits]),
    )


def _take(answers: Answers, chosen: np.ndarray) -> Answers:
    """The part ``chosen`` (indices) of the answers, as a copy."""
    read = own_answer(answers)

    def part(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else values[chosen]

    return Answers(
        answers.probabilities[chosen],
        answers.labels[chosen],
        [answers.samples[index] for index in chosen],
        answer=Answer(
            read.probabilities[chosen],
            read.features[chosen],
            read.scores[chosen],
            read.chromas[chosen],
            part(read.outlier_scores),
            part(read.edge_shares),
        ),
        expert_edges=part(answers.expert_edges),
    )


def _fit_outline(answers: Answers) -> dict[str, float]:
    drawn, expert = own_answer(answers).edge_shares, answers.expert_edges
    if drawn is None or expert is None:
        return {}
    known = ~np.isnan(expert)
    limit = choose_limit(drawn[known], expert[known])
    return {} if limit is None else {CUT_OFF: round(limit, 6)}
