"""A measurement as files: all figures as JSON, pictures, and one page to read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ml.cards import render_measurement
from ml.evaluation import Answers, measure, measure_points, measure_subgroups
from ml.figures import draw_figures
from ml.manifest import Manifest


def measure_all(answers: Answers, manifest: Manifest, source: str) -> dict[str, Any]:
    """Everything that can be said of ``answers`` with the thresholds of ``manifest``, as JSON."""
    figures = measure(
        answers, manifest.classes, manifest.thresholds, source, manifest.refusal, manifest.outline
    )
    points = [{k: v for k, v in p.items() if k != "measured"} for p in manifest.operating_points]
    return figures | {
        "model": {"name": manifest.name, "version": manifest.version, "sha256": manifest.sha256},
        "subgroups": measure_subgroups(answers, manifest.classes),
        "operating_points": measure_points(answers, manifest.classes, points),
        "left_out": answers.skipped,
    }


def describe_ensemble(manifests: Sequence[Manifest], method: str) -> Manifest:
    """What several checkpoints are together. No threshold was chosen for their common answer."""
    members = " and ".join(f"{one.name} {one.version}" for one in manifests)
    return replace(
        manifests[0],
        name=f"{members},",
        version=f"combined by {method}",
        sha256="",
        thresholds={},
        operating_points=[],
        refusal={},
        outline={},
    )


def write_summary(
    folder: Path, figures: dict[str, Any], answers: Answers, manifest: Manifest
) -> list[Path]:
    """Write figures.json, SVGs and summary.md into ``folder``; the files that were written."""
    folder.mkdir(parents=True, exist_ok=True)
    table, page = folder / "figures.json", folder / "summary.md"
    table.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    features = (answers.answer.features, answers.labels) if answers.answer else None
    drawn = draw_figures(folder, figures, manifest.classes, features)
    pictures = "\n\n".join(f"![{file.stem}]({file.name})" for file in drawn)
    page.write_text(f"{render_measurement(figures)}\n{pictures}\n", encoding="utf-8")
    return [table, page, *drawn]
