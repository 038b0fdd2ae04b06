"""Bar charts as plain geometry: pages draw them as SVG, documents with their own pen.

A chart knows no colour: a bar has a kind, for which the style sheet has a colour and a pattern.
Across it is measured in hundredths of the room beside the scale, so that it fills a phone and a
wide screen alike; downwards in units of ``HEIGHT``, so that its words keep their size.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 100.0, 240.0
TOP, BOTTOM = 12.0, 36.0
# under the columns: how far below the floor each line of a word stands
LINES = (15.0, 28.0)
# at most so many words under the columns; of more than a phone has room for, every second is spare
MOST_LABELS, MOST_ON_A_PHONE = 8, 6
GAP = 0.25
# of one column alone: a broader one is a wall
BROADEST = 12.0


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str


@dataclass(frozen=True)
class Tick:
    """A number of the scale and how far down its line is."""

    y: float
    text: str


@dataclass(frozen=True)
class Name:
    """What stands under the middle of a column, as lines of (how far down, words). A ``spare`` one
    gives way where there is little room."""

    x: float
    lines: list[tuple[float, str]]
    spare: bool


@dataclass(frozen=True)
class Columns:
    """Columns of stacked bars over a scale of whole numbers."""

    bars: list[Bar]
    names: list[Name]
    ticks: list[Tick]
    height: float = HEIGHT


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
    steps = scale(max((column.total for column in data), default=0))
    unit = (HEIGHT - TOP - BOTTOM) / steps[-1]
    room = WIDTH / max(len(data), 1)
    middles = [(place + 0.5) * room for place in range(len(data))]
    width = min(room * (1 - GAP), BROADEST)
    bars = [
        bar
        for column, middle in zip(data, middles, strict=True)
        for bar in stacked(column, middle - width / 2, width, unit)
    ]
    ticks = [Tick(round(HEIGHT - BOTTOM - step * unit, 2), str(step)) for step in steps]
    return Columns(bars, names_under(data, middles), ticks)


def stacked(column: Column, x: float, width: float, unit: float) -> Iterator[Bar]:
    """The parts of a column over each other, from the floor up; ``unit`` is the height of one."""
    y = HEIGHT - BOTTOM
    for kind, name, count in column.parts:
        if count:
            y -= count * unit
            measures = (round(number, 2) for number in (x, y, width, count * unit))
            yield Bar(*measures, kind, f"{column.name}: {name} {count}")


def names_under(data: Sequence[Column], middles: Sequence[float]) -> list[Name]:
    """Of every column, or of every second, third ... where there are more than MOST_LABELS."""
    every = -(-len(data) // MOST_LABELS) or 1
    named = list(zip(data, middles, strict=True))[::every]
    crowded = len(named) > MOST_ON_A_PHONE
    return [
        Name(round(middle, 2), in_lines(column.name), spare=crowded and place % 2 == 1)
        for place, (column, middle) in enumerate(named)
    ]


def in_lines(words: str) -> list[tuple[float, str]]:
    """The first word, and the others under it."""
    parts = words.split(" ", 1)
    return [(HEIGHT - BOTTOM + down, part) for down, part in zip(LINES, parts, strict=False)]


def scale(most: int) -> list[int]:
    """Five whole numbers at even distances from 0 to at least ``most``; steps of 1, 2, 5, 10 ..."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor * 4 >= most:
                return [step * factor * n for n in range(5)]
        step *= 10
