"""Figures of a model's page, drawn from the numbers in its manifest. Forgiving: what a manifest
lacks, or has in another shape, is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from diagnosis.card import section
from ml.taxonomy import BY_CODE

# a curve is drawn in a square of so many units
SIDE = 100.0


@dataclass(frozen=True)
class Cell:
    """``step`` 0 to 10: how large a share of its row the cell holds."""

    count: int
    step: int
    right: bool


@dataclass(frozen=True)
class Matrix:
    """Rows are the truth, columns what the model answered."""

    names: list[str]
    rows: list[tuple[str, list[Cell]]]


@dataclass(frozen=True)
class Curve:
    """A line from left to right in a square of ``SIDE``, as the points of an SVG polyline."""

    name: str
    kind: str
    points: str


def confusion(manifest: Mapping[str, Any]) -> Matrix | None:
    """``metrics.confusion`` (ml/evaluation.py): counts, in the order of the classes."""
    counts = section(manifest, "metrics").get("confusion")
    classes = manifest.get("classes", [])
    if not is_square(counts, len(classes)):
        return None
    return matrix([BY_CODE[code].name if code in BY_CODE else code for code in classes], counts)


def is_square(counts: Any, size: int) -> bool:
    """Whether it is ``size`` rows of as many numbers."""
    return (
        isinstance(counts, list)
        and size > 0
        and len(counts) == size
        and all(isinstance(row, list) and len(row) == size for row in counts)
        and all(isinstance(count, (int, float)) for row in counts for count in row)
    )


def matrix(names: Sequence[str], counts: Sequence[Sequence[int]]) -> Matrix:
    rows = []
    for place, (name, row) in enumerate(zip(names, counts, strict=True)):
        most = sum(row) or 1
        cells = [
            Cell(int(count), round(10 * count / most), column == place)
            for column, count in enumerate(row)
        ]
        rows.append((name, cells))
    return Matrix(list(names), rows)


def curves(manifest: Mapping[str, Any]) -> list[Curve]:
    """``metrics.curves``: a kind (``roc`` or ``reliability``) to names to points ``[[x, y], ...]``,
    both from 0 to 1. Manifests without them have no curves to draw."""
    titles = {"roc": _("ROC"), "reliability": _("Reliability")}
    found = section(section(manifest, "metrics"), "curves")
    return [
        Curve(f"{titles[kind]}: {name}", kind, polyline(points))
        for kind in titles
        for name, points in section(found, kind).items()
        if is_line(points)
    ]


def is_line(points: Any) -> bool:
    return (
        isinstance(points, list)
        and len(points) > 1
        and all(
            isinstance(point, list)
            and len(point) == 2
            and all(isinstance(value, (int, float)) and 0 <= value <= 1 for value in point)
            for point in points
        )
    )


def polyline(points: Sequence[Sequence[float]]) -> str:
    return " ".join(f"{x * SIDE:.2f},{(1 - y) * SIDE:.2f}" for x, y in points)
