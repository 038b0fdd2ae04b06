"""``python -m ml evaluate``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ml.cli.common import print_figures, report_skipped

SUMMARY = "measure a checkpoint on labelled images"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("checkpoint", type=Path, metavar="CHECKPOINT")
    parser.add_argument("--images", type=Path, required=True, metavar="DIR")
    parser.add_argument("--labels", type=Path, required=True, metavar="CSV", help="image, label")
    parser.add_argument("--out", type=Path, metavar="JSON", help="also write all figures here")


def run(options: argparse.Namespace) -> None:
    """Measure a checkpoint on labelled images, with intervals, by class and by subgroup.

    The CSV has the columns image (file name or stem) and label (class code or label word), and may
    have lesion_id or patient_id, sex, age and site.
    """
    from ml.data.folder import read_folder
    from ml.data.samples import fold_labels
    from ml.evaluation import ask, measure, measure_subgroups
    from ml.predictor import Predictor

    predictor = Predictor(options.checkpoint)
    dataset = read_folder(options.images, options.labels)
    samples = fold_labels(dataset, predictor.manifest.classes).samples
    answers = ask(predictor, samples)
    report_skipped(answers.skipped)
    manifest = predictor.manifest
    figures = measure(answers, manifest, manifest.thresholds, str(options.images))
    print_figures(figures)
    if options.out:
        subgroups = measure_subgroups(answers, manifest.classes)
        options.out.write_text(json.dumps(figures | {"subgroups": subgroups}, indent=2) + "\n")
