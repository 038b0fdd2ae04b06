"""From the best weights of a run to a checkpoint: calibrate, choose thresholds, measure, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from ml.calibration import (
    calibrate,
    choose_operating_points,
    choose_thresholds,
    fit_calibration,
)
from ml.checkpoints import INTENDED_USE, describe, load_classifier, save_checkpoint
from ml.classifier import build_classifier
from ml.config import Recipe
from ml.data.samples import Dataset, count_classes
from ml.data.splits import Splits
from ml.errors import DataError
from ml.evaluation import Answers, ask, measure, measure_points, measure_subgroups
from ml.fitting import BEST, RUN
from ml.manifest import FORMAT, Manifest
from ml.outline import CUT_OFF, choose_limit
from ml.predictor import Answer, Predictor
from ml.reading import read_images
from ml.refusal import ACCEPTED, Familiar, fit_refusal

LIMITS = (
    "Trained and measured on one archive; other cameras, clinics and skin types were not measured.",
    "Skin type is not recorded in the data, which is mostly of light skin.",
    "It knows only its own classes. It refuses most pictures that are no lesion, not all of them.",
    "Probabilities lie between those of the data's mix and of a world in which all classes are "
    "equally common (see Calibration); another clinic's mix is another one.",
    "The part for testing is of the same source as that for training; expect less elsewhere.",
)


def finish(
    recipe: Recipe,
    dataset: Dataset,
    parts: Splits,
    out: Path,
    version: str = "1.0.0",
    skipped: Sequence[str] = (),
) -> Manifest:
    """Write ``out`` as a checkpoint from its run's best weights."""
    model = build_classifier(recipe.architecture, len(recipe.classes))
    model.load_state_dict(load_file(out / RUN / BEST))
    description = describe(recipe, version) | {
        "data": describe_data(recipe, dataset, parts, len(skipped)),
        "intended_use": INTENDED_USE,
        "intended_range": dataset.intended_range,
        "limits": list(LIMITS),
    }
    save_checkpoint(out, model, description, half=True)
    return measure_checkpoint(out, parts, f"the test part of {dataset.name}, held out by lesion")


def measure_checkpoint(
    out: Path, parts: Splits, source: str, familiar: Sequence[Path] = ()
) -> Manifest:
    """Calibrate the checkpoint ``out``, choose its thresholds and measure it; weights stay.

    Calibration, thresholds, operating points, refusal and the limit from which a lesion is cut off
    (where there are masks) are fitted on ``parts.validation``; the
    figures are those of ``parts.test``, read by the same Predictor as in a worker. Refusal is
    fitted on the images ``familiar`` too: real lesions of other cameras, each by itself and without
    a label. It may be called again on a finished checkpoint.
    """
    predictor = Predictor(out)
    classes = predictor.manifest.classes
    validation, test = ask(predictor, parts.validation), ask(predictor, parts.test)
    labels, groups = validation.labels, validation.groups
    calibration = fit_calibration(_answer(validation).scores, labels)
    for part in (validation, test):
        part.probabilities = calibrate(_answer(part).scores, calibration)
    thresholds = choose_thresholds(validation.probabilities, labels, classes, groups)
    points = choose_operating_points(validation.probabilities, labels, classes, groups)

    statistics, refusal = _refusal(predictor, validation, familiar)
    if statistics is not None:
        read = _answer(test)
        read.outlier_scores = statistics.score_pictures(read.features, read.chromas)
    outline = _outline(validation)
    description = predictor.manifest.raw | {
        "format": FORMAT,
        "data": predictor.manifest.data | {"more_images_for_refusal": len(familiar)},
        "limits": list(LIMITS),
        "calibration": calibration,
        "thresholds": thresholds,
        "operating_points": measure_points(test, classes, points),
        "refusal": refusal,
        "accepted": ACCEPTED,
        "outline": outline,
        "metrics": measure(test, classes, thresholds, source, refusal, outline),
        "subgroups": measure_subgroups(test, classes),
    }
    arrays = statistics.arrays() if statistics is not None else None
    # what the predictor holds is changed to be read fast
    return save_checkpoint(out, load_classifier(out), description, half=True, statistics=arrays)


def _refusal(
    predictor: Predictor, validation: Answers, more: Sequence[Path]
) -> tuple[Familiar | None, dict[str, float]]:
    features, groups = _answer(validation).features, list(validation.groups)
    if more:
        readings = read_images(predictor, more)
        features = np.concatenate([features, readings.answer.features])
        groups += [str(more[index]) for index in readings.indices]
    return fit_refusal(features, groups) or (None, {})


def _outline(validation: Answers) -> dict[str, float]:
    drawn, expert = _answer(validation).edge_shares, validation.expert_edges
    if drawn is None or expert is None:
        return {}
    known = ~np.isnan(expert)
    limit = choose_limit(drawn[known], expert[known])
    return {} if limit is None else {CUT_OFF: round(limit, 6)}


def check_split(manifest: Manifest, parts: Splits) -> None:
    """Raise DataError where ``parts`` are not of the sizes that the checkpoint was trained on."""
    counts = manifest.data.get("counts")
    found = {name: count_classes(part) for name, part in zip(parts._fields, parts, strict=True)}
    if counts and any(counts[name] != found[name] for name in ("validation", "test")):
        raise DataError("This is not the split that the checkpoint was trained on; give its seed.")


def _answer(answers: Answers) -> Answer:
    if answers.answer is None:
        raise DataError("The checkpoint's own answers are needed, not those of an ensemble.")
    return answers.answer


def describe_data(recipe: Recipe, dataset: Dataset, parts: Splits, skipped: int) -> dict[str, Any]:
    shares = " / ".join(f"{fraction:.0%}" for fraction in recipe.training.fractions)
    return {
        "name": dataset.name,
        "licence": dataset.licence,
        "attribution": dataset.attribution,
        "split": f"{shares} for training, validation and test; by class, never parting a lesion "
        f"or near-duplicates; seed {recipe.training.seed}",
        "skipped_files": skipped,
        "counts": {
            name: count_classes(part) for name, part in zip(parts._fields, parts, strict=True)
        },
    }
