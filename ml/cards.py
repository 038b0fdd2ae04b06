"""The model card: a manifest as a page that a doctor can read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ml import taxonomy
from ml.manifest import CARD, DEFAULT_THRESHOLDS, HELD_OUT, Manifest
from ml.outline import CUT_OFF, LEAST, RIGHT
from ml.words import counted

UNTRAINED = (
    "**This model is untrained: its weights are random. It must not be used to read images.**"
)

Rows = Iterable[Iterable[str]]


def write_card(folder: Path, manifest: Manifest) -> None:
    """Write ``folder``/MODEL_CARD.md."""
    (folder / CARD).write_text(render_card(manifest), encoding="utf-8")


def render_card(manifest: Manifest) -> str:
    """The card in Markdown, after Mitchell et al., Model Cards for Model Reporting, 2019."""
    measured = bool(manifest.metrics)
    sections = [
        f"# {manifest.name} {manifest.version}",
        "" if manifest.trained else UNTRAINED,
        _section("Intended use", _intended_use(manifest)),
        _section("Limits", "\n".join(f"- {limit}" for limit in manifest.limits)),
        _section("Classes", _classes(manifest)),
        _section("Quality", _metrics(manifest.metrics)) if measured else "",
        _section("Quality by class", _per_class(manifest.metrics)) if measured else "",
        _section("Answers", _confusion(manifest.metrics))
        if "confusion" in manifest.metrics
        else "",
        _section("Quality by subgroup", _subgroups(manifest.subgroups))
        if manifest.subgroups
        else "",
        _section("Seen by another camera", _changes(manifest.changes)) if manifest.changes else "",
        _section("Thresholds", _thresholds(manifest)),
        _section("Operating points", _points(manifest.operating_points))
        if manifest.operating_points
        else "",
        _section("Calibration", _calibration(manifest)) if manifest.trained else "",
        _section("Refusal", _refusal(manifest)),
        _section("Cut off at the edge", _outline(manifest)) if manifest.outline else "",
        _section("Data", _data(manifest.data)) if manifest.data else "",
        _section("Technical", _technical(manifest)),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def render_measurement(figures: dict[str, Any]) -> str:
    """One page of Markdown about a measurement (see ml.summary.measure_all)."""
    model = figures["model"]
    left_out = "\n".join(f"- {line}" for line in figures["left_out"])
    sections = [
        f"# {model['name']} {model['version']} on {figures['source']}",
        _section("Quality", _metrics(figures)),
        _section("Quality by class", _per_class(figures)),
        _section("Answers", _confusion(figures)),
        _section("Operating points", _points(figures["operating_points"]))
        if figures["operating_points"]
        else "",
        _section("Quality by subgroup", _subgroups(figures["subgroups"]))
        if figures["subgroups"]
        else "",
        _section("Seen by another camera", _changes(figures["changes"]))
        if figures.get("changes")
        else "",
        _section(f"Left out: {counted(len(figures['left_out']), 'row')}", left_out)
        if left_out
        else "",
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
    alone = metrics["images"] == metrics["groups"]  # nothing says which show the same
    of, unit = ("", "image") if alone else (f" of {counted(metrics['groups'], 'lesion')}", "lesion")
    note = f"Measured on {counted(metrics['images'], 'image')}{of}: {metrics['source']}. "
    note += f"In brackets: the 95% bootstrap interval, resampled by {unit}."
    return f"{note}\n\n{_table(('measure', 'value'), rows)}"


def _per_class(metrics: dict[str, Any]) -> str:
    by_class = metrics["by_class"]
    measures = [m for m in next(iter(by_class.values())) if m != "images"]
    rows = [
        (code, str(entry["images"]), *(_figure(entry[m]) for m in measures))
        for code, entry in by_class.items()
    ]
    return _table(("class", "images", *(m.replace("_", " ") for m in measures)), rows)


def _confusion(metrics: dict[str, Any]) -> str:
    codes = list(metrics["by_class"])
    rows = [
        (code, *(str(count) for count in row))
        for code, row in zip(codes, metrics["confusion"], strict=True)
    ]
    note = "Number of images: a row is the truth, a column the likeliest class."
    return f"{note}\n\n{_table(('truth', *codes), rows)}"


def _subgroups(subgroups: dict[str, Any]) -> str:
    entries = [entry for groups in subgroups.values() for entry in groups.values()]
    measures = [m for m in entries[0] if m != "images"]
    rows = [
        (attribute, value, str(entry["images"]), *(_figure(entry[m]) for m in measures))
        for attribute, groups in subgroups.items()
        for value, entry in groups.items()
    ]
    head = ("attribute", "value", "images", *(m.replace("_", " ") for m in measures))
    note = "Balanced accuracy is over the classes that occur in the subgroup. "
    note += "Small subgroups say little."
    if "skin_type" not in subgroups:
        note += " No skin type has enough images to be measured."
    return f"{note}\n\n{_table(head, rows)}"


def _changes(changes: list[dict[str, Any]]) -> str:
    measures = list(changes[0]["figures"])
    rows = [
        (entry["name"], entry["says"], *(_figure(entry["figures"][m]) for m in measures))
        for entry in changes
    ]
    head = ("picture", "that is", *(m.replace("_", " ") for m in measures))
    note = "The same images, changed as another camera or another light may change them."
    return f"{note}\n\n{_table(head, rows)}"


def _points(points: list[dict[str, Any]]) -> str:
    rows = [
        (
            point["target"],
            f"{point['sensitivity']:.0%}",
            f"{point['threshold']:.4f}" + ("" if point.get("assured", True) else " (not sure)"),
            _figure(point["measured"]["sensitivity"]),
            _figure(point["measured"]["specificity"]),
        )
        for point in points
    ]
    note = (
        "Each threshold was chosen on images that the network had not learnt so that new lesions "
        "reach the wanted sensitivity with 95% confidence; beside it is what it gave on the images "
        "measured here."
    )
    if not all(point.get("assured", True) for point in points):
        note += (
            " Where it says 'not sure' there were too few lesions for that: the threshold is the "
            "lowest score of those there were."
        )
    head = ("finds", "wanted", "threshold", "sensitivity", "specificity")
    return f"{note}\n\n{_table(head, rows)}"


def _calibration(manifest: Manifest) -> str:
    calibration = manifest.calibration
    mended = (
        "The scores of a network that answers as if all classes were equally common are moved "
        f"{calibration.get('prior', 0.0):.0%} of the way to the mix of the data (little, for more "
        "would hide rare classes), and made softer or sharper by a temperature of "
        f"{calibration['temperature']:.3f}."
    )
    lead = calibration.get("lead", [0.0] * len(manifest.classes))
    stretched = [(code, v) for code, v in zip(manifest.classes, lead, strict=True) if v]
    if stretched:
        leaders = " and ".join(f"{code} (by {value:.2f})" for code, value in stretched)
        mended += (
            " Where the commonest class is the likeliest, its lead over the next one is stretched: "
            f"{leaders}. That changes how sure an answer is, and never which class comes first."
        )
    return f"{mended} In a clinic with another mix, probabilities mean less than they say."


def _intended_use(manifest: Manifest) -> str:
    wanted = manifest.raw.get("intended_range", {})
    outside = [f"patients under {wanted['age_from']}"] if "age_from" in wanted else []
    outside += [site.replace("/", " or ") for site in wanted.get("sites_outside", [])]
    if not outside:
        return manifest.intended_use
    return f"{manifest.intended_use} Not meant for: {', '.join(outside)}."


def _refusal(manifest: Manifest) -> str:
    if not manifest.refusal:
        return "This model cannot tell what is no lesion: it gives an answer for any picture."
    more = manifest.data.get("more_images_for_refusal", 0)
    refused, warned = manifest.accepted["not_a_lesion"], manifest.accepted["unfamiliar"]
    known = f"the {_fitted_on(manifest)} images"
    known += f" and {more} more real lesions" if more else ""
    cast = manifest.data.get("casts_for_refusal", 0)
    note = (
        "A picture whose features lie further from those of known lesions than those of "
        f"{refused:.1%} of {known} is refused as no lesion; beyond {warned:.1%} it is read with a "
        "warning. It was fitted on lesions alone; pictures of other things can pass."
    )
    note += f" Known are these lesions with a random cast of up to {cast:.0%} too." if cast else ""
    rows = [(name.replace("_", " "), f"{value:.4f}") for name, value in manifest.refusal.items()]
    return f"{note}\n\n{_table(('verdict', 'outlier score above'), rows)}"


def _outline(manifest: Manifest) -> str:
    return (
        "The network draws coarsely where the lesion lies. Where the lesion takes "
        f"{manifest.outline[CUT_OFF]:.1%} or more of the edge of what the model sees, by its own "
        "drawing, the doctor is told that the lesion is cut off. The limit was chosen on the "
        f"{_fitted_on(manifest)} part so that {RIGHT:.0%} of such warnings agree with experts' "
        f"masks (of whose edge the lesion takes {LEAST:.0%} or more)."
    )


def _fitted_on(manifest: Manifest) -> str:
    """The part that limits were fitted on: see ml.crossfit."""
    counts = manifest.data.get("counts")
    return "test" if counts and not counts.get("validation", True) else "validation"


def _thresholds(manifest: Manifest) -> str:
    meaning = {
        "malignancy_medium": f"summed probability of the malignant classes: {_medium(manifest)}",
        "malignancy_high": "the same sum: 95% specificity or more",
        "prediction_set": "a class with at least this probability is in the prediction set, which "
        "holds the true class in 90% of cases",
        "prediction_set_malignant": "the same for a malignant class, of which 90% are held too",
    }
    meaning = {name: text for name, text in meaning.items() if name in manifest.thresholds}
    if not manifest.trained or manifest.thresholds == DEFAULT_THRESHOLDS:
        meaning = dict.fromkeys(meaning, "a default; there was nothing to choose it by")
    rows = [(name, f"{manifest.thresholds[name]:.4f}", meaning[name]) for name in meaning]
    chosen = manifest.trained and manifest.thresholds != DEFAULT_THRESHOLDS
    note = f"Chosen on the {_fitted_on(manifest)} part." if chosen else ""
    return f"{note}\n\n{_table(('threshold', 'value', 'meaning'), rows)}".strip()


def _medium(manifest: Manifest) -> str:
    sure = [
        point.get("assured", True)
        for point in manifest.operating_points
        if (point["target"], point["sensitivity"]) == ("malignant", 0.9)
    ]
    if all(sure):
        return "90% sensitivity or more on new lesions, with 95% confidence"
    return "the lowest of a malignant lesion; there were too few to be sure of 90% sensitivity"


def _data(data: dict[str, Any]) -> str:
    untold = ("counts", HELD_OUT)
    lines = [
        f"- {key.replace('_', ' ')}: {value}" for key, value in data.items() if key not in untold
    ]
    counts = data.get("counts", {})
    if not counts:
        return "\n".join(lines)
    codes = sorted({code for part in counts.values() for code in part})
    rows = [(part, *(str(counts[part].get(code, 0)) for code in codes)) for part in counts]
    return "\n".join(lines) + "\n\n" + _table(("part", *codes), rows)


def _technical(manifest: Manifest) -> str:
    height, width = manifest.preprocessing.shape
    lines = [
        f"- recipe `{manifest.recipe}`, {manifest.parameters:,} parameters",
        f"- images {width} x {height}, {manifest.preprocessing.resize}",
        f"- test-time augmentation: {manifest.tta}",
        f"- created {manifest.created}, SHA-256 `{manifest.sha256}`",
    ]
    return "\n".join(lines)
