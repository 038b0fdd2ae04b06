"""From the best weights of a run to a checkpoint: calibrate, choose thresholds, measure, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from ml.calibration import choose_thresholds, fit_temperature, softmax
from ml.checkpoints import INTENDED_USE, describe, save_checkpoint
from ml.classifier import build_classifier
from ml.config import Recipe
from ml.data.samples import Dataset, count_classes
from ml.data.splits import Splits
from ml.evaluation import ask, measure, measure_subgroups
from ml.fitting import BEST, RUN
from ml.manifest import Manifest
from ml.predictor import Predictor

LIMITS = (
    "Trained and measured on one archive; other cameras, clinics and skin types were not measured.",
    "Skin type is not recorded in the data, which is mostly of light skin.",
    "It knows only its own classes, and gives an answer for any picture, a lesion or not.",
    "Probabilities are for a world in which all classes are equally common; a common class such as "
    "nevus is more likely in a clinic than the figure says, a rare one less.",
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
    """Write ``out`` as a checkpoint from its run's best weights.

    Temperature and thresholds are fitted on ``parts.validation``; the figures are those of
    ``parts.test``, read by the same Predictor as in a worker.
    """
    model = build_classifier(recipe.architecture, len(recipe.classes))
    model.load_state_dict(load_file(out / RUN / BEST))
    description = describe(recipe, version) | {
        "data": describe_data(recipe, dataset, parts, len(skipped)),
        "intended_use": INTENDED_USE,
        "limits": list(LIMITS),
    }
    save_checkpoint(out, model, description, half=True)
    predictor = Predictor(out)
    validation, test = ask(predictor, parts.validation), ask(predictor, parts.test)

    logits = np.log(validation.probabilities.clip(1e-300))
    temperature = round(fit_temperature(logits, validation.labels), 4)
    calibrated = softmax(logits / temperature)
    test.probabilities = softmax(np.log(test.probabilities.clip(1e-300)) / temperature)
    thresholds = choose_thresholds(calibrated, validation.labels, recipe.classes)
    source = f"the test part of {dataset.name}, held out by lesion"
    description |= {
        "calibration": {"temperature": temperature},
        "thresholds": thresholds,
        "metrics": measure(test, predictor.manifest, thresholds, source),
        "subgroups": measure_subgroups(test, recipe.classes),
    }
    return save_checkpoint(out, model, description, half=True)


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
