"""From the best weights of a run to a checkpoint: calibrate, choose thresholds, measure, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.torch import load_file

from ml.checkpoints import INTENDED_USE, describe, load_classifier, save_checkpoint
from ml.classifier import build_classifier
from ml.config import Recipe
from ml.crossfit import Fitted, Known, fit_to, judge, judge_apart
from ml.data.samples import Dataset, count_classes
from ml.data.splits import Splits, all_but_test, held_out
from ml.errors import DataError
from ml.evaluation import Answers, ask, measure, measure_points, measure_subgroups
from ml.fitting import BEST, RUN
from ml.kept import READING, forget
from ml.limits import state_limits
from ml.manifest import FORMAT, HELD_OUT, Manifest
from ml.predictor import Predictor
from ml.reading import read_images
from ml.refusal import ACCEPTED
from ml.robustness import CAST, ask_changed, measure_changes, random_casts

CROSS_FITTED = (
    "calibration and thresholds were fitted on it too, each image measured by what was fitted "
    "without its lesion (five-fold)"
)


class Measured(NamedTuple):
    """``skipped`` says "file: reason" of what should have been read and could not."""

    manifest: Manifest
    skipped: list[str]


def finish(
    recipe: Recipe,
    dataset: Dataset,
    parts: Splits,
    split: str,
    out: Path,
    version: str = "1.0.0",
    skipped: Sequence[str] = (),
) -> Measured:
    """Write ``out`` as a checkpoint from its run's best weights.

    ``split`` says in words how the data were split, ``skipped`` which files training left out.
    """
    model = build_classifier(recipe.architecture, len(recipe.classes))
    model.load_state_dict(load_file(out / RUN / BEST))
    description = describe(recipe, version) | {
        "data": describe_data(dataset, parts, split, len(skipped)),
        "intended_use": INTENDED_USE,
        "intended_range": dataset.intended_range,
        "limits": ["Not measured: it must not be used to read images."],
    }
    save_checkpoint(out, model, description, half=True)
    return measure_checkpoint(out, parts, name_source(dataset))


def measure_checkpoint(
    out: Path,
    parts: Splits,
    source: str,
    familiar: Sequence[Path] = (),
    changes: bool = False,
) -> Measured:
    """Calibrate the checkpoint ``out``, choose its thresholds and measure it; weights stay.

    Everything is fitted on ``parts.validation`` and measured on ``parts.test``, read by the same
    Predictor as in a worker. Where there is no validation part, all is fitted on the test part and
    each of its images measured by what was fitted without it (ml.crossfit). Refusal is fitted on
    the images ``familiar`` too: more real lesions, each by itself and without a label; and on all
    of them once more with a random cast. With ``changes`` the test part is also read as another
    camera may show it (ml.robustness). It may be called again on a finished checkpoint, and goes on
    where it was stopped.
    """
    predictor, keep = Predictor(out), out / READING
    classes = predictor.manifest.classes
    skipped: list[str] = []
    test = ask(predictor, parts.test, keep)
    changed = ask_changed(predictor, test, keep) if changes else {}
    if parts.validation:
        validation = ask(predictor, parts.validation, keep)
        skipped += validation.skipped
        more = _known(predictor, validation, familiar, skipped, keep)
        fitted = applied = fit_to(validation, classes, more)
        for seen in (test, *changed.values()):
            judge(seen, fitted)
    else:
        source += f"; {CROSS_FITTED}"
        more = _known(predictor, test, familiar, skipped, keep)
        fitted = fit_to(test, classes, more)
        applied = judge_apart(test, classes, more, list(changed.values()))
    about = {}
    if predictor.manifest.trained:
        fresh = {
            "more_images_for_refusal": int((~more.changed).sum()),
            "casts_for_refusal": CAST,
            HELD_OUT: held_out(parts),
        }
        data = predictor.manifest.data | fresh
        limits = state_limits(data["name"], test.samples, fitted.statistics is not None)
        about = {"data": data, "limits": limits}
    description = predictor.manifest.raw | {
        "format": FORMAT,
        **about,
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
        "changes": measure_changes(test, changed, classes, applied.refusal),
    }
    arrays = fitted.statistics.arrays() if fitted.statistics is not None else None
    # what the predictor holds is changed to be read fast
    model = load_classifier(out)
    manifest = save_checkpoint(out, model, description, half=True, statistics=arrays)
    forget(keep)
    return Measured(manifest, skipped + test.skipped)


def _known(
    predictor: Predictor, seen: Answers, familiar: Sequence[Path], skipped: list[str], keep: Path
) -> Known:
    """The images ``familiar``; and these and those of ``seen`` with a random cast."""
    readings = read_images(predictor, familiar, keep=keep)
    skipped += readings.skipped
    read = [familiar[index] for index in readings.indices]
    names = [str(path) for path in read]
    lesions = seen.groups + names
    again = [sample.path for sample in seen.samples] + read
    casts = random_casts(predictor.manifest.preprocessing)
    cast = read_images(predictor, again, change=casts)
    features = cast.answer.features
    return Known(
        np.concatenate([readings.answer.features, features]) if read else features,
        names + [lesions[index] for index in cast.indices],
        np.arange(len(names) + len(features)) >= len(names),
    )


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

    Raises DataError where they are not those that it was trained on; of an older checkpoint the
    sizes alone are known.
    """
    counts = manifest.data.get("counts")
    if counts and not counts["validation"]:
        parts = all_but_test(parts)
    found = {name: count_classes(part) for name, part in zip(parts._fields, parts, strict=True)}
    other = counts and any(counts[name] != found[name] for name in ("validation", "test"))
    if other or manifest.data.get(HELD_OUT, held_out(parts)) != held_out(parts):
        raise DataError(
            "This is not the split that the checkpoint was trained on; give it as in training "
            "(--seed, --fractions, --split, --fold)."
        )
    return parts


def check_measurable(parts: Splits) -> None:
    """Raise DataError where there is no image to test on."""
    if not parts.test:
        raise DataError("The split has no test part, so that nothing could be measured.")


def name_source(dataset: Dataset) -> str:
    """Where the images of the test part come from, and what no other part has of them."""
    units = [
        word
        for word, known in (
            ("patient", any(sample.patient for sample in dataset.samples)),
            ("lesion", any(sample.lesion for sample in dataset.samples)),
        )
        if known
    ]
    return f"the test part of {dataset.name}, held out by {' and '.join(units) or 'image'}"


def describe_data(dataset: Dataset, parts: Splits, split: str, skipped: int) -> dict[str, Any]:
    return {
        "name": dataset.name,
        "licence": dataset.licence,
        "attribution": dataset.attribution,
        "split": split if parts.validation else f"{split}; the validation part was learnt too",
        "skipped_files": skipped,
        "counts": {
            name: count_classes(part) for name, part in zip(parts._fields, parts, strict=True)
        },
    }
