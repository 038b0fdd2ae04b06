"""Measure a checkpoint on labelled images: overall, by class and by subgroup."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ml import metrics
from ml.calibration import targets
from ml.curves import describe_curves
from ml.data.masks import expert_edges
from ml.data.samples import Sample, check_labels
from ml.errors import DataError
from ml.outline import CUT_OFF
from ml.predictor import Answer, Predictor
from ml.reading import read_images

SMALLEST_SUBGROUP = 30
SUBGROUP_FIGURES = (
    "accuracy",
    "balanced_accuracy",
    "auc_malignant",
    "auc_melanoma",
    "expected_calibration_error",
)


@dataclass
class Answers:
    """What a model said about labelled images: probabilities (N, K), labels (N,), samples N."""

    probabilities: np.ndarray
    labels: np.ndarray
    samples: list[Sample]
    skipped: list[str] = field(default_factory=list)
    answer: Answer | None = None  # scores, features and outlier scores of the same images
    expert_edges: np.ndarray | None = None  # see ml.data.masks; for a model that outlines

    @property
    def groups(self) -> list[str]:
        return [sample.group for sample in self.samples]


def own_answer(answers: Answers) -> Answer:
    """Raises DataError where the answers are those of an ensemble of checkpoints."""
    if answers.answer is None:
        raise DataError("The checkpoint's own answers are needed, not those of an ensemble.")
    return answers.answer


def ask(predictor: Predictor, samples: Sequence[Sample], keep: Path | None = None) -> Answers:
    """Read all ``samples``; ``keep`` is as of ``ml.reading.read_images``.

    Raises DataError if a label is not among the model's classes.
    """
    classes = predictor.manifest.classes
    check_labels(samples, classes)
    readings = read_images(predictor, [sample.path for sample in samples], keep=keep)
    kept = [samples[i] for i in readings.indices]
    labels = np.array([classes.index(sample.label) for sample in kept], dtype=int)
    if not kept:
        raise DataError("None of the images could be read.")
    answers = Answers(readings.probabilities, labels, kept, readings.skipped, readings.answer)
    if predictor.model.outlines:
        answers.expert_edges = expert_edges(kept, predictor.manifest.preprocessing)
    return answers


def measure(
    answers: Answers,
    classes: Sequence[str],
    thresholds: metrics.Limits | None,
    source: str,
    refusal: metrics.Limits | None = None,
    outline: metrics.Limits | None = None,
) -> dict[str, Any]:
    """The manifest's ``metrics``; ``source`` says in words where the images come from.

    Each limit is a number, or an array (N,) of one an image (see ml.crossfit); what has none is not
    measured.
    """
    labels, probabilities = answers.labels, answers.probabilities
    outlier = answers.answer.outlier_scores if answers.answer else None
    edges = answers.answer.edge_shares if answers.answer else None

    def overall(weights: np.ndarray) -> metrics.Figures:
        given = metrics.overall_figures(labels, probabilities, classes, weights)
        if thresholds:
            given |= metrics.threshold_figures(labels, probabilities, classes, thresholds, weights)
        if refusal and outlier is not None:
            given |= metrics.refusal_figures(outlier, refusal, weights)
        if outline and edges is not None and answers.expert_edges is not None:
            given |= metrics.outline_figures(edges, answers.expert_edges, outline[CUT_OFF], weights)
        return given

    table = metrics.confusion(labels, probabilities.argmax(1), len(classes), np.ones(len(labels)))
    return {
        "source": source,
        "images": len(labels),
        "groups": len(set(answers.groups)),
        "skipped": len(answers.skipped),
        "overall": metrics.bootstrap(overall, answers.groups),
        "by_class": metrics.by_class(labels, probabilities, classes, answers.groups),
        "confusion": table.astype(int).tolist(),
        "curves": describe_curves(labels, probabilities, classes),
    }


def measure_points(
    answers: Answers, classes: Sequence[str], points: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """``points`` (see ml.calibration.choose_operating_points) with what they give on ``answers``.

    ``measured`` has sensitivity and specificity with intervals.
    """
    found = {t[0]: t[1:] for t in targets(answers.probabilities, answers.labels, classes)}

    def measured(point: dict[str, Any]) -> dict[str, Any]:
        truth, scores = found[point["target"]]
        called = scores >= point["threshold"]
        return metrics.bootstrap(
            lambda weights: metrics.call_figures(called, truth, weights), answers.groups
        )

    return [point | {"measured": measured(point)} for point in points if point["target"] in found]


def measure_subgroups(answers: Answers, classes: Sequence[str]) -> dict[str, Any]:
    """The manifest's ``subgroups``: {attribute: {value: figures}}, of 30 images or more."""
    result: dict[str, Any] = {}
    for attribute in ("sex", "age", "site", "skin_type"):
        members: dict[str, list[int]] = defaultdict(list)
        for index, sample in enumerate(answers.samples):
            members[_band(attribute, sample.attributes.get(attribute, ""))].append(index)
        entries = {
            value: _subgroup(answers, chosen, classes)
            for value, chosen in sorted(members.items())
            if value and len(chosen) >= SMALLEST_SUBGROUP
        }
        result |= {attribute: entries} if entries else {}
    return result


def _band(attribute: str, value: str) -> str:
    if attribute != "age":
        return value.strip().lower()
    try:
        age = float(value)
    except ValueError:
        return ""
    if math.isnan(age):
        return ""
    return "under 40" if age < 40 else "40 to 59" if age < 60 else "60 and over"


def _subgroup(answers: Answers, chosen: list[int], classes: Sequence[str]) -> dict[str, Any]:
    labels, probabilities = answers.labels[chosen], answers.probabilities[chosen]

    def figures(weights: np.ndarray) -> metrics.Figures:
        every = metrics.overall_figures(labels, probabilities, classes, weights)
        return {name: every[name] for name in SUBGROUP_FIGURES if name in every}

    groups = [answers.samples[i].group for i in chosen]
    return {"images": len(chosen), **metrics.bootstrap(figures, groups)}
