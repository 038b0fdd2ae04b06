"""Where the numbers of lesions stand on the figure: none over another, each as near to its place as
there is room. All measures are units of the drawing (clinic/body_map.py)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from clinic.body_map import HEIGHT, WIDTH

# of a dot that stands alone: 44 px across where a phone draws the figure 380 px high
REACH = 23.5
# between the middles of two: 24 px on that phone, the least that WCAG 2.2 asks of a target
APART = 26.0
MARGIN = 11.0
# a view has no room for many more, nor a page the time: each stays on its place then
MOST = 50
# in which that many come apart
ROUNDS = 60
ENOUGH = 0.1
# turns that never repeat, for things in one and the same place (H. Vogel, 1979)
GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


@dataclass
class Dot:
    """A thing on the figure and where its number is drawn, at first on its ``place``. ``reach`` is
    how far from the number a tap still means it."""

    across: float
    down: float
    thing: Any
    reach: float = REACH
    place: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        self.place = (self.across, self.down)

    @property
    def is_moved(self) -> bool:
        return math.dist(self.place, (self.across, self.down)) > 1

    def move(self, across: float, down: float) -> None:
        self.across = min(max(self.across + across, MARGIN), WIDTH - MARGIN)
        self.down = min(max(self.down + down, MARGIN), HEIGHT - MARGIN)


def arrange(dots: list[Dot]) -> None:
    """Draw the numbers apart where there is room, and share it between them."""
    for _ in range(ROUNDS if len(dots) <= MOST else 0):
        close = list(too_close(dots))
        for turn, (one, other) in enumerate(close):
            push_apart(one, other, turn)
        if not close:
            break
    share_room(dots)


def too_close(dots: list[Dot]) -> Iterator[tuple[Dot, Dot]]:
    """Pairs nearer than APART; from the top down, so that each looks only at those just below."""
    below = sorted(dots, key=lambda dot: dot.down)
    for place, one in enumerate(below):
        for other in below[place + 1 :]:
            if other.down - one.down >= APART:
                break
            if distance(one, other) < APART - ENOUGH:
                yield one, other


def push_apart(one: Dot, other: Dot, turn: int) -> None:
    """Each half of what is missing, along the line between them; ``turn`` where there is none."""
    gap = distance(one, other)
    if gap < ENOUGH:
        across, down = math.cos(turn * GOLDEN_ANGLE), math.sin(turn * GOLDEN_ANGLE)
    else:
        across, down = (other.across - one.across) / gap, (other.down - one.down) / gap
    step = (APART - gap) / 2
    one.move(-across * step, -down * step)
    other.move(across * step, down * step)


def share_room(dots: list[Dot]) -> None:
    """No dot reaches beyond the middle between it and its nearest neighbour."""
    for dot in dots:
        others = (other for other in dots if other is not dot)
        nearest = min((distance(dot, other) for other in others), default=math.inf)
        dot.reach = min(REACH, nearest / 2)


def distance(one: Dot, other: Dot) -> float:
    return math.dist((one.across, one.down), (other.across, other.down))
