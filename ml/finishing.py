"""From the best weights of a run to a checkpoint: calibrate, choose thresholds, measure, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from ml.checkpoints import INTENDED_USE, describe, load_classifier, save_checkpoint
from ml.classifier import build_classifier
from ml.config import Recipe
from ml.crossfit import Fitted, Known, fit_to, judge, judge_apart
from ml.data.samples import Dataset, count_classes
from ml.data.splits import Splits, all_but_test
from ml.errors import DataError
from ml.evaluation import Answers, ask, measure, measure_points, measure_subgroups
from ml.fitting import BEST, RUN
from ml.manifest import FORMAT, Manifest
from ml.predictor import Predictor
from ml.reading import read_images
from ml.refusal import ACCEPTED

LIMITS = (
    "Trained and measured on one archive; other cameras, clinics and skin types were not measured.",
    "Skin type is not recorded in the data, which is mostly of light skin.",
    "It knows only its own classes. It refuses most pictures that are no lesion, not all of them.",
    "Probabilities lie between those of the data's mix and of a world in which all classes are "
    "equally common (see Calibration); another clinic's mix is another one.",
    "The part for testing is of the same source as that for training; expect less elsewhere.",
)

CROSS_FITTED = (
    "calibration and thresholds were fitted on it too, each image measured by what was fitted "
    "without its lesion (five-fold)"
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

    Everything is fitted on ``parts.validation`` and measured on ``parts.test``, read by the same
    Predictor as in a worker. Where there is no validation part, all is fitted on the test part and
    each of its images measured by what was fitted without it (ml.crossfit). Refusal is fitted on
    the images ``familiar`` too: real lesions of other cameras, each by itself and without a label.
    It may be called again on a finished checkpoint.
    """
    predictor = Predictor(out)
    classes = predictor.manifest.classes
    test, more = ask(predictor, parts.test), _known(predictor, familiar)
    if parts.validation:
        fitted = applied = fit_to(ask(predictor, parts.validation), classes, more)
        judge(test, fitted)
    else:
        source += f"; {CROSS_FITTED}"
        fitted, applied = fit_to(test, classes, more), judge_apart(test, classes, more)
    description = predictor.manifest.raw | {
        "format": FORMAT,
        "data": predictor.manifest.data | {"more_images_for_refusal": len(familiar)},
        "limits": list(LIMITS),
        "calibration": fitted.calibration,
        "thresholds": fitted.thresholds,
        "operating_points": _points(fitted, applied, test, classes),
        "refusal": fitted.refusal,
        "accepted": ACCEPTED,
        "outline": fitted.outline,
        "metrics": measure(
            test, classes, applied.thresholds, source, applied.refusal, applied.outline
        ),
        "subgroups": measure_subgroups(test, classes),
    }
    arrays = fitted.statistics.arrays() if fitted.statistics is not None else None
    # what the predictor holds is changed to be read fast
    return save_checkpoint(out, load_classifier(out), description, half=True, statistics=arrays)


def _known(predictor: Predictor, familiar: Sequence[Path]) -> Known | None:
    if not familiar:
        return None
    readings = read_images(predictor, familiar)
    return Known(readings.answer.features, [str(familiar[index]) for index in readings.indices])


def _points(
    fitted: Fitted, applied: Fitted, test: Answers, classes: Sequence[str]
) -> list[dict[str, Any]]:
    """The points as they were fitted, with what those that were applied gave on ``test``."""
    measured = measure_points(test, classes, applied.points)
    given = {(point["target"], point["sensitivity"]): point["measured"] for point in measured}
    return [
        point | {"measured": given[key]}
        for point in fitted.points
        if (key := (point["target"], point["sensitivity"])) in given
    ]


def as_trained(manifest: Manifest, parts: Splits) -> Splits:
    """``parts``, without a validation part where the checkpoint has learnt from it too.

    Raises DataError where they are not of the sizes that it was trained on.
    """
    counts = manifest.data.get("counts")
    if counts and not counts["validation"]:
        parts = all_but_test(parts)
    found = {name: count_classes(part) for name, part in zip(parts._fields, parts, strict=True)}
    if counts and any(counts[name] != found[name] for name in ("validation", "test")):
        raise DataError("This is not the split that the checkpoint was trained on; give its seed.")
    return parts


def describe_data(recipe: Recipe, dataset: Dataset, parts: Splits, skipped: int) -> dict[str, Any]:
    shares = " / ".join(f"{fraction:.0%}" for fraction in recipe.training.fractions)
    learnt = "" if parts.validation else " (learnt too)"
    return {
        "name": dataset.name,
        "licence": dataset.licence,
        "attribution": dataset.attribution,
        "split": f"{shares} for training, validation{learnt} and test; by class, never parting a "
        f"lesion or near-duplicates; seed {recipe.training.seed}",
        "skipped_files": skipped,
        "counts": {
            name: count_classes(part) for name, part in zip(parts._fields, parts, strict=True)
        },
    }
