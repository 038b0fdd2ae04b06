"""ROC and reliability of a model's page, from the numbers in its manifest (ml/curves.py).

Forgiving: what a manifest lacks, or has in another shape, is left out. A curve is drawn in a square
of ``SIDE`` units whose origin is at the upper left, as SVG has it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from diagnosis.card import Figure, class_name, figure, section

SIDE = 100.0
# of the square: the radius of a dot that holds all images
LARGEST_DOT = 16.0
# the shares of false alarms whose findings stand in the table
TABLE_STEPS = (0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    radius: float
    title: str


@dataclass(frozen=True)
class Roc:
    """One curve as the points of a polyline. ``found`` are the true positives at TABLE_STEPS;
    ``dots`` the operating points that the model ships with."""

    name: str
    area: Figure | None
    points: str
    found: list[float]
    dots: list[Dot]


@dataclass(frozen=True)
class Reliability:
    """A dot a bin of confidence; ``rows`` are its images, mean confidence and share of right."""

    dots: list[Dot]
    rows: list[tuple[int, float, float]]


def roc_curves(manifest: Mapping[str, Any]) -> list[Roc]:
    """``metrics.curves.roc``: malignant or not first, then the classes in the model's order."""
    metrics = section(manifest, "metrics")
    roc = section(section(metrics, "curves"), "roc")
    false, found = roc.get("false_positive"), section(roc, "true_positive")
    names = ["malignant", *manifest.get("classes", [])]
    return [
        Roc(
            curve_name(name),
            area_of(metrics, name),
            polyline(false, found[name]),
            [at(false, found[name], step) for step in TABLE_STEPS],
            shipped_points(metrics) if name == "malignant" else [],
        )
        for name in names
        if are_shares(false, found.get(name))
    ]


def curve_name(name: str) -> str:
    if name == "malignant":
        return _("Malignant or not")
    return class_name(name)


def area_of(metrics: Mapping[str, Any], name: str) -> Figure | None:
    if name == "malignant":
        return figure("auc", section(metrics, "overall").get("auc_malignant"))
    return figure("auc", section(section(metrics, "by_class"), name).get("auc"))


def shipped_points(metrics: Mapping[str, Any]) -> list[Dot]:
    """Where the thresholds of medium and high risk lie on the curve of malignant or not."""
    overall = section(metrics, "overall")
    names = {"medium": _("Medium or high risk"), "high": _("High risk")}
    dots = []
    for band, name in names.items():
        found = figure("", overall.get(f"malignant_sensitivity_at_{band}"))
        spared = figure("", overall.get(f"malignant_specificity_at_{band}"))
        if found and spared and found.is_share and spared.is_share:
            dots.append(dot(1 - spared.value, found.value, 2.5, name))
    return dots


def reliability(manifest: Mapping[str, Any]) -> Reliability | None:
    """``metrics.curves.reliability``: bins of the likeliest class's probability."""
    bins = section(section(manifest, "metrics"), "curves").get("reliability")
    if not isinstance(bins, list) or not bins or not all(is_bin(entry) for entry in bins):
        return None
    rows = [(entry["images"], entry["confidence"], entry["accuracy"]) for entry in bins]
    total = sum(images for images, _confidence, _accuracy in rows)
    # the area, not the radius, is what the eye compares
    dots = [
        dot(confidence, accuracy, LARGEST_DOT * (images / total) ** 0.5, str(images))
        for images, confidence, accuracy in rows
    ]
    return Reliability(dots, rows)


def is_bin(entry: Any) -> bool:
    return (
        isinstance(entry, Mapping)
        and isinstance(entry.get("images"), int)
        and entry["images"] > 0
        and is_share(entry.get("confidence"))
        and is_share(entry.get("accuracy"))
    )


def are_shares(xs: Any, ys: Any) -> bool:
    """Whether both are as many shares, at least two, the first ones rising."""
    return (
        isinstance(xs, list)
        and isinstance(ys, list)
        and len(xs) == len(ys) > 1
        and all(is_share(value) for value in [*xs, *ys])
        and xs == sorted(xs)
    )


def is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and 0 <= value <= 1


def polyline(xs: Sequence[float], ys: Sequence[float]) -> str:
    return " ".join(f"{x * SIDE:.1f},{(1 - y) * SIDE:.1f}" for x, y in zip(xs, ys, strict=True))


def at(xs: Sequence[float], ys: Sequence[float], x: float) -> float:
    """The height of the curve at the last point that is not right of ``x``."""
    return [y for known, y in zip(xs, ys, strict=True) if known <= x + 1e-9][-1]


def dot(x: float, y: float, radius: float, title: str) -> Dot:
    return Dot(round(x * SIDE, 1), round((1 - y) * SIDE, 1), round(max(radius, 1.0), 1), title)
