"""The confusion matrix of a model's page. Forgiving: what a manifest lacks is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from diagnosis.card import class_name, section


@dataclass(frozen=True)
class Cell:
    """``step`` 0 to 10: how large a share of its row the cell holds."""

    count: int
    step: int
    right: bool


@dataclass(frozen=True)
class Heading:
    """A class by its name and, where there is no room for it, by its code."""

    name: str
    short: str


@dataclass(frozen=True)
class Matrix:
    """Rows are the truth, columns what the model answered."""

    headings: list[Heading]
    rows: list[tuple[Heading, list[Cell]]]


def confusion(manifest: Mapping[str, Any]) -> Matrix | None:
    """``metrics.confusion`` (ml/evaluation.py): counts, in the order of the classes."""
    counts = section(manifest, "metrics").get("confusion")
    classes = manifest.get("classes", [])
    if not is_square(counts, len(classes)):
        return None
    return matrix([heading(code) for code in classes], counts)


def heading(code: str) -> Heading:
    return Heading(class_name(code), code.replace("_", " ").upper())


def is_square(counts: Any, size: int) -> bool:
    """Whether it is ``size`` rows of as many numbers."""
    return (
        isinstance(counts, list)
        and size > 0
        and len(counts) == size
        and all(isinstance(row, list) and len(row) == size for row in counts)
        and all(isinstance(count, (int, float)) for row in counts for count in row)
    )


def matrix(headings: Sequence[Heading], counts: Sequence[Sequence[int]]) -> Matrix:
    rows = []
    for place, (head, row) in enumerate(zip(headings, counts, strict=True)):
        most = sum(row) or 1
        cells = [
            Cell(int(count), round(10 * count / most), column == place)
            for column, count in enumerate(row)
        ]
        rows.append((head, cells))
    return Matrix(list(headings), rows)
