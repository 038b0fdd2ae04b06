"""``python -m ml evaluate``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ml.cli.common import add_changes_argument, print_figures, report_skipped
from ml.words import counted

if TYPE_CHECKING:
    from ml.labelled import Labelled

SUMMARY = "measure a checkpoint on labelled images"
STOPPED = "stopped. With --out, the same command goes on where this one was."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", nargs="+")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--labels", type=Path, required=True, metavar="CSV")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write figures.json, SVGs and summary.md here"
    )
    add_changes_argument(parser)
    parser.add_argument(
        "--combine",
        choices=("mean", "weighted", "majority", "stacking"),
        default="mean",
        help="how the answers of several checkpoints become one (default: mean)",
    )
    parser.add_argument(
        "--fit-images", type=Path, metavar="DIR", help="validation images for weighted and stacking"
    )
    parser.add_argument("--fit-labels", type=Path, metavar="CSV", help="and their labels")


def run(options: argparse.Namespace) -> None:
    """Measure a checkpoint, or an ensemble of several, on labelled images.

    Figures have 95% intervals and come by class and by subgroup. The CSV has the columns image
    (file name or stem) and label (class code or label word), or one column a class with 1 for the
    right one, as ISIC publishes its ground truth; it may have lesion_id or patient_id, sex, age and
    site. Weighted means and stacking are fitted on --fit-images, which must be other images. With
    --out, what was stopped by Ctrl-C goes on by the same command.
    """
    from ml.ensembles import ask_ensemble, fit_ensemble
    from ml.errors import DataError
    from ml.evaluation import ask
    from ml.figures import check_drawable
    from ml.kept import READING, forget
    from ml.labelled import read_labelled
    from ml.predictor import Predictor
    from ml.robustness import ask_changed, measure_changes
    from ml.summary import describe_ensemble, measure_all, write_summary

    if options.changes and len(options.checkpoint) > 1:
        raise DataError("--changes is measured of one checkpoint alone.")
    predictors = [Predictor(folder) for folder in options.checkpoint]
    manifest = predictors[0].manifest
    labelled = read_labelled(options.images, options.labels, manifest.classes)
    report_skipped(labelled.left_out)
    if labelled.unlabelled:
        report_skipped([f"{name}: no label" for name in labelled.unlabelled])
    if options.out:
        check_drawable()
        options.out.mkdir(parents=True, exist_ok=True)
    keep: Path | None = options.out / READING if options.out else None
    if len(predictors) == 1:
        answers = ask(predictors[0], labelled.samples, keep)
    else:
        manifest = describe_ensemble([one.manifest for one in predictors], options.combine)
        _check_apart(labelled, options, manifest.classes)
        fitted = fit_ensemble(predictors, options.combine, options.fit_images, options.fit_labels)
        answers = ask_ensemble(predictors, labelled.samples, fitted, keep)
    report_skipped(answers.skipped)
    answers.skipped = labelled.left_out + answers.skipped
    figures = measure_all(answers, manifest, str(options.images))
    figures["unlabelled"] = labelled.unlabelled
    if options.changes:
        changed = ask_changed(predictors[0], answers, keep)
        figures["changes"] = measure_changes(answers, changed, manifest.classes, manifest.refusal)
    print_figures(figures)
    if keep:
        for file in write_summary(options.out, figures, answers, manifest):
            print(f"{file}: written")
        forget(keep)


def _check_apart(labelled: Labelled, options: argparse.Namespace, classes: Sequence[str]) -> None:
    """Raise DataError where an ensemble would be fitted on images that it is measured by."""
    from ml.errors import DataError
    from ml.labelled import read_labelled

    if options.fit_images is None or options.fit_labels is None:
        return
    measured = {sample.path.resolve() for sample in labelled.samples}
    fitted = read_labelled(options.fit_images, options.fit_labels, classes).samples
    both = [sample.path.name for sample in fitted if sample.path.resolve() in measured]
    if both:
        raise DataError(
            f"--fit-images shares {counted(len(both), 'image')} with --images ({both[0]}); "
            "name others."
        )
