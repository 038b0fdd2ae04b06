"""Bar charts as plain geometry: pages draw them as SVG, documents with their own pen.

A chart knows no colour and no size in pixels: a bar has a kind, for which the style sheet has a
colour and a pattern, and stands in a box of ``WIDTH`` by ``HEIGHT`` units.
"""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 640.0, 240.0
LEFT, TOP, BOTTOM = 44.0, 12.0, 28.0
# at most so many words under the columns
MOST_LABELS = 8
GAP = 0.25


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Word:
    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Columns:
    """Columns of stacked bars over a scale of whole numbers."""

    bars: list[Bar]
    words: list[Word]
    lines: list[Word]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    floor: float = HEIGHT - BOTTOM


@dataclass(frozen=True)
class Column:
    """``parts`` are (kind, name, count), the lowest part first."""

    name: str
    parts: Sequence[tuple[str, str, int]]

    @property
    def total(self) -> int:
        return sum(count for _kind, _name, count in self.parts)


def columns(data: Sequence[Column]) -> Columns:
    """The chart of the columns, from left to right; empty without data."""
    ticks = scale(max((column.total for column in data), default=0))
    top = ticks[-1]
    unit = (HEIGHT - TOP - BOTTOM) / top
    room = (WIDTH - LEFT) / max(len(data), 1)
    bars, words = [], []
    every = -(-len(data) // MOST_LABELS)
    for place, column in enumerate(data):
        x, y = LEFT + (place + GAP / 2) * room, HEIGHT - BOTTOM
        for kind, name, count in column.parts:
            if count:
                y -= count * unit
                title = f"{column.name}: {name} {count}"
                bars.append(
                    Bar(
                        round(x, 2),
                        round(y, 2),
                        round(room * (1 - GAP), 2),
                        round(count * unit, 2),
                        kind,
                        title,
                    )
                )
        if place % every == 0:
            words.append(Word(round(x + room * (1 - GAP) / 2, 2), HEIGHT - 8, column.name))
    lines = [Word(LEFT - 6, round(HEIGHT - BOTTOM - tick * unit, 2), str(tick)) for tick in ticks]
    return Columns(bars, words, lines)


def scale(most: int) -> list[int]:
    """Five whole numbers at even distances from 0 to at least ``most``; steps of 1, 2, 5, 10 ..."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * 4 >= most:
                return [step * factor * n for n in range(5)]
        step *= 10
