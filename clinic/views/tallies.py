"""The counts above a list, each of which shows what it counted."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True)
class Tally:
    """``query`` are the filters that show what was counted."""

    name: str
    count: str
    query: str
    chosen: bool
    alarm: bool = False


@dataclass(frozen=True)
class Choice:
    """What ``?show=`` may ask for of a list in memory; everything where ``show`` is empty."""

    show: str
    name: str
    holds: Callable[[Any], bool]


def chosen_of(choices: Iterable[Choice], show: str | None) -> Choice:
    """The first where the address says nothing that is known."""
    offered = list(choices)
    return next((choice for choice in offered if choice.show == show), offered[0])


def tallies_of(
    choices: Iterable[Choice], rows: Iterable[Any], chosen: Choice, kept: dict[str, str]
) -> list[Tally]:
    """``kept`` are parameters of the address that stay, whatever is chosen."""
    counted = list(rows)
    return [
        Tally(
            choice.name,
            str(sum(map(choice.holds, counted))),
            urlencode(({"show": choice.show} if choice.show else {}) | kept),
            choice.show == chosen.show,
        )
        for choice in choices
    ]
