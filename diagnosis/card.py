"""A model's manifest as the tables of its page. Forgiving: what a manifest lacks is left out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from clinic.vocabulary import AnatomSite
from diagnosis.interpretation import label_name
from ml.taxonomy import BY_CODE

MEASURES = {
    "accuracy": gettext_lazy("Accuracy"),
    "balanced_accuracy": gettext_lazy("Balanced accuracy"),
    "precision_macro": gettext_lazy("Precision, mean over classes"),
    "recall_macro": gettext_lazy("Sensitivity, mean over classes"),
    "specificity_macro": gettext_lazy("Specificity, mean over classes"),
    "f1_macro": gettext_lazy("F1, mean over classes"),
    "f2_macro": gettext_lazy("F2, mean over classes"),
    "auc_one_vs_rest": gettext_lazy("ROC-AUC, one class against the rest"),
    "auc_malignant": gettext_lazy("ROC-AUC, malignant or not"),
    "auc_melanoma": gettext_lazy("ROC-AUC, melanoma or not"),
    "average_precision_malignant": gettext_lazy("Average precision, malignant or not"),
    "average_precision_melanoma": gettext_lazy("Average precision, melanoma or not"),
    "brier": gettext_lazy("Brier score"),
    "expected_calibration_error": gettext_lazy("Expected calibration error"),
    "malignant_sensitivity_at_medium": gettext_lazy("Sensitivity for malignant, medium or high"),
    "malignant_specificity_at_medium": gettext_lazy("Specificity for malignant, medium or high"),
    "malignant_sensitivity_at_high": gettext_lazy("Sensitivity for malignant, high"),
    "malignant_specificity_at_high": gettext_lazy("Specificity for malignant, high"),
    "prediction_set_coverage": gettext_lazy("True class within the prediction set"),
    "prediction_set_coverage_malignant": gettext_lazy("Malignant class within the prediction set"),
    "share_not_a_lesion": gettext_lazy("Share refused as no lesion"),
    "share_unfamiliar": gettext_lazy("Share read with a warning"),
    "share_cut_off": gettext_lazy("Share called cut off at the edge"),
    "precision_cut_off": gettext_lazy("Of those called cut off: share that experts' masks call so"),
    "sensitivity_cut_off": gettext_lazy("Of those that experts' masks call cut off: share found"),
    "same_answer": gettext_lazy("Likeliest class stays the same"),
    "prediction_set_size": gettext_lazy("Mean size of the prediction set"),
    "precision": gettext_lazy("Precision"),
    "recall": gettext_lazy("Sensitivity"),
    "specificity": gettext_lazy("Specificity"),
    "f1": gettext_lazy("F1"),
    "f2": gettext_lazy("F2"),
    "average_precision": gettext_lazy("Average precision"),
    "auc": gettext_lazy("ROC-AUC"),
}
AGES = {
    "under 40": gettext_lazy("Under 40"),
    "40 to 59": gettext_lazy("40 to 59"),
    "60 and over": gettext_lazy("60 and over"),
}
# what manifests call subgroups (ml/evaluation.py), changes (ml/robustness.py), facts of the data
WORDS = {
    "sex": gettext_lazy("Sex"),
    "female": gettext_lazy("Female"),
    "male": gettext_lazy("Male"),
    "age": gettext_lazy("Age"),
    **AGES,
    "skin_type": gettext_lazy("Skin type"),
    "site": gettext_lazy("Site"),
    **{site.value: site.label for site in AnatomSite},
    "abdomen": gettext_lazy("Abdomen"),
    "acral": gettext_lazy("Acral"),
    "back": pgettext_lazy("of the body", "Back"),
    "chest": gettext_lazy("Chest"),
    "ear": gettext_lazy("Ear"),
    "face": gettext_lazy("Face"),
    "foot": gettext_lazy("Foot"),
    "genital": gettext_lazy("Genital"),
    "hand": gettext_lazy("Hand"),
    "neck": gettext_lazy("Neck"),
    "scalp": gettext_lazy("Scalp"),
    "trunk": gettext_lazy("Trunk"),
    "unknown": gettext_lazy("Unknown"),
    "as they are": gettext_lazy("As they are"),
    "warmer": gettext_lazy("Warmer"),
    "cooler": gettext_lazy("Cooler"),
    "greener": gettext_lazy("Greener"),
    "more magenta": gettext_lazy("More magenta"),
    "darker": gettext_lazy("Darker"),
    "brighter": gettext_lazy("Brighter"),
    "softer": gettext_lazy("Less sharp"),
    "name": gettext_lazy("Name"),
    "licence": gettext_lazy("Licence"),
    "attribution": gettext_lazy("Attribution"),
    "split": gettext_lazy("Split"),
    "skipped_files": gettext_lazy("Skipped files"),
    "more_images_for_refusal": gettext_lazy("More images for refusal"),
    "casts_for_refusal": gettext_lazy("Strength of the casts for refusal"),
}
HEADLINE = ("balanced_accuracy", "auc_malignant", "malignant_sensitivity_at_medium")


@dataclass(frozen=True)
class Figure:
    """A measured value with the 95% interval; ``low`` and ``high`` are None where unknown."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None

    @property
    def width(self) -> float:
        """Of the interval."""
        return (self.high or 0) - (self.low or 0)

    @property
    def is_share(self) -> bool:
        return 0 <= self.value <= 1


@dataclass(frozen=True)
class Table:
    """``rows`` are a heading, a count, and for each column its name and figure (or None)."""

    columns: list[str]
    rows: list[tuple[str, Any, list[tuple[str, Figure | None]]]]

    @property
    def counted(self) -> bool:
        return any(count is not None for name, count, figures in self.rows)


@dataclass(frozen=True)
class Card:
    figures: list[Figure]
    source: str
    images: int | None
    groups: int | None
    classes: Table
    subgroups: list[tuple[str, Table]]
    changes: Table
    facts: list[tuple[str, str]]


def read(manifest: Mapping[str, Any]) -> Card:
    metrics = section(manifest, "metrics")
    return Card(
        figures=list(figures(section(metrics, "overall") or metrics)),
        source=str(metrics.get("source", "")),
        images=metrics.get("images"),
        groups=metrics.get("groups"),
        classes=table(class_rows(manifest, section(metrics, "by_class"))),
        subgroups=[
            (words(attribute), table(in_order(groups)))
            for attribute, groups in section(manifest, "subgroups").items()
            if isinstance(groups, Mapping)
        ],
        changes=table(changed(manifest)),
        facts=[
            (words(key), str(value))
            for key, value in section(manifest, "data").items()
            if isinstance(value, (str, int, float))
        ],
    )


def headline(manifest: Mapping[str, Any]) -> list[Figure]:
    """The three figures that a list shows."""
    metrics = section(manifest, "metrics")
    overall = section(metrics, "overall") or metrics
    return list(figures({name: overall[name] for name in HEADLINE if name in overall}))


def section(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, Mapping) else {}


def figures(measures: Mapping[str, Any]) -> Iterator[Figure]:
    for name, entry in measures.items():
        found = figure(name, entry)
        if found is not None:
            yield found


def figure(name: str, entry: Any) -> Figure | None:
    """From ``{"value", "low", "high"}``; None where it is something else."""
    value = entry.get("value") if isinstance(entry, Mapping) else None
    if not isinstance(value, (int, float)):
        return None
    return Figure(measure_name(name), value, entry.get("low"), entry.get("high"))


def class_rows(manifest: Mapping[str, Any], by_class: Mapping[str, Any]) -> dict[str, Any]:
    """In the order of the model's outputs, by the names of the classes."""
    codes = [code for code in manifest.get("classes", []) if code in by_class]
    return {class_name(code): by_class[code] for code in codes}


def class_name(code: str) -> str:
    """Of a class of the model, in the user's language; a code that nobody knows stays."""
    return label_name(BY_CODE[code].label) if code in BY_CODE else code


def changed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What is left of the quality under each change of the picture, below the quality itself."""
    changes = manifest.get("changes")
    entries = {
        str(entry.get("name", "")): section(entry, "figures")
        for entry in (changes if isinstance(changes, list) else [])
        if isinstance(entry, Mapping)
    }
    found = [name for entry in entries.values() for name in entry]
    overall = section(section(manifest, "metrics"), "overall")
    own = {name: overall[name] for name in dict.fromkeys(found) if name in overall}
    return {"as they are": own, **entries} if entries else {}


def table(groups: Mapping[str, Any]) -> Table:
    entries = {name: entry for name, entry in groups.items() if isinstance(entry, Mapping)}
    found: dict[str, None] = {}
    for entry in entries.values():
        found |= {name: None for name, value in entry.items() if isinstance(value, Mapping)}
    names = {column: measure_name(column) for column in found}
    rows = [
        (
            words(name),
            entry.get("images"),
            [(names[column], figure(column, entry.get(column))) for column in found],
        )
        for name, entry in entries.items()
    ]
    return Table(list(names.values()), rows)


def in_order(groups: Mapping[str, Any]) -> dict[str, Any]:
    """As the manifest has them, which is by their names; of ages the young first."""
    places = {name: place for place, name in enumerate(AGES)}
    return {name: groups[name] for name in sorted(groups, key=lambda name: places.get(name, -1))}


def measure_name(name: str) -> str:
    return str(MEASURES.get(name, words(name)))


def words(key: str) -> str:
    """A key of the manifest as a person reads it."""
    if key in WORDS:
        return str(WORDS[key])
    text = key.replace("_", " ")
    return text[:1].upper() + text[1:] if text else _("Unnamed")
