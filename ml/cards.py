"""The model card: a manifest as a page that a doctor can read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ml import taxonomy
from ml.manifest import CARD, Manifest

UNTRAINED = (
    "**This model is untrained: its weights are random. It must not be used to read images.**"
)

Rows = Iterable[Iterable[str]]


def write_card(folder: Path, manifest: Manifest) -> None:
    """Write ``folder``/MODEL_CARD.md."""
    (folder / CARD).write_text(render_card(manifest), encoding="utf-8")


def render_card(manifest: Manifest) -> str:
    """The card in Markdown, after Mitchell et al., Model Cards for Model Reporting, 2019."""
    sections = [
        f"# {manifest.name} {manifest.version}",
        "" if manifest.trained else UNTRAINED,
        _section("Intended use", manifest.intended_use),
        _section("Limits", "\n".join(f"- {limit}" for limit in manifest.limits)),
        _section("Classes", _classes(manifest)),
        _section("Quality", _metrics(manifest.metrics)) if manifest.metrics else "",
        _section("Quality by class", _per_class(manifest)) if manifest.metrics else "",
        _section("Quality by subgroup", _subgroups(manifest)) if manifest.subgroups else "",
        _section("Thresholds", _thresholds(manifest)),
        _section("Data", _data(manifest.data)) if manifest.data else "",
        _section("Technical", _technical(manifest)),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _section(title: str, body: str) -> str:
    return f"## {title}\n\n{body}"


def _table(head: Iterable[str], rows: Rows) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _figure(entry: dict[str, Any]) -> str:
    """A figure with its interval, where one was measured."""
    if entry["value"] is None:
        return "-"
    if entry.get("low") is None:
        return f"{entry['value']:.3f}"
    return f"{entry['value']:.3f} ({entry['low']:.3f} to {entry['high']:.3f})"


def _classes(manifest: Manifest) -> str:
    entries = [taxonomy.BY_CODE[code] for code in manifest.classes]
    rows = [(e.code, e.name, "yes" if e.malignant else "no") for e in entries]
    return _table(("code", "diagnosis", "counts as malignant"), rows)


def _metrics(metrics: dict[str, Any]) -> str:
    rows = [(k.replace("_", " "), _figure(v)) for k, v in metrics["overall"].items()]
    note = f"Measured on {metrics['images']} images of {metrics['groups']} lesions: "
    note += f"{metrics['source']}. In brackets: the 95% bootstrap interval, resampled by lesion."
    return f"{note}\n\n{_table(('measure', 'value'), rows)}"


def _per_class(manifest: Manifest) -> str:
    by_class = manifest.metrics["by_class"]
    measures = [m for m in next(iter(by_class.values())) if m != "images"]
    rows = [
        (code, str(by_class[code]["images"]), *(_figure(by_class[code][m]) for m in measures))
        for code in manifest.classes
    ]
    return _table(("class", "images", *(m.replace("_", " ") for m in measures)), rows)


def _subgroups(manifest: Manifest) -> str:
    rows = []
    for attribute, groups in manifest.subgroups.items():
        for value, entry in groups.items():
            measures = [_figure(entry[m]) for m in ("balanced_accuracy", "auc_malignant")]
            rows.append((attribute, value, str(entry["images"]), *measures))
    head = ("attribute", "value", "images", "balanced accuracy", "AUC malignant")
    note = "Balanced accuracy is over the classes that occur in the subgroup. "
    note += "Small subgroups say little. Skin type is not recorded in the data."
    return f"{note}\n\n{_table(head, rows)}"


def _thresholds(manifest: Manifest) -> str:
    meaning = {
        "malignancy_medium": "summed probability of the malignant classes: 90% sensitivity or more",
        "malignancy_high": "the same sum: 95% specificity or more",
        "prediction_set": "a class with at least this probability is in the prediction set, which "
        "holds the true class in 90% of cases",
    }
    if not manifest.trained:
        meaning = dict.fromkeys(meaning, "a default; nothing was measured")
    rows = [(name, f"{manifest.thresholds[name]:.4f}", meaning[name]) for name in meaning]
    note = "Chosen on the validation part." if manifest.trained else ""
    return f"{note}\n\n{_table(('threshold', 'value', 'meaning'), rows)}".strip()


def _data(data: dict[str, Any]) -> str:
    lines = [
        f"- {key.replace('_', ' ')}: {value}" for key, value in data.items() if key != "counts"
    ]
    counts = data.get("counts", {})
    if not counts:
        return "\n".join(lines)
    codes = sorted({code for part in counts.values() for code in part})
    rows = [(part, *(str(counts[part].get(code, 0)) for code in codes)) for part in counts]
    return "\n".join(lines) + "\n\n" + _table(("part", *codes), rows)


def _technical(manifest: Manifest) -> str:
    size = manifest.preprocessing
    lines = [
        f"- recipe `{manifest.recipe}`, {manifest.parameters:,} parameters",
        f"- images {size.size} x {size.size}, {size.resize}",
        f"- test-time augmentation: {manifest.tta}; "
        f"temperature {manifest.calibration['temperature']:.3f}",
        f"- created {manifest.created}, SHA-256 `{manifest.sha256}`",
    ]
    return "\n".join(lines)
