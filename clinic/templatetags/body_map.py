"""How pages draw the body map."""

import math
from dataclasses import dataclass, field
from typing import Any

from django import template

from clinic.body_map import HEIGHT, REGIONS, WIDTH, Region
from clinic.vocabulary import BodyView

register = template.Library()
# of a dot that stands alone, in units: 44 px across where a phone draws the figure 380 px high
REACH = 23.5


@dataclass
class Dot:
    """A thing on the figure. ``reach`` is how far from its centre a tap still means it."""

    across: float
    down: float
    thing: Any
    reach: float = REACH


@dataclass
class Figure:
    """One view of the body, with what stands on it; all measures in units of the drawing."""

    view: BodyView
    regions: list[Region]
    dots: list[Dot] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        return WIDTH, HEIGHT


@register.simple_tag
def figures() -> list[Figure]:
    """Both views, empty."""
    return [Figure(view, [r for r in REGIONS if r.view == view]) for view in BodyView]


@register.simple_tag
def figures_of(cards: list[Any]) -> list[Figure]:
    """Both views with a dot for every card whose lesion is placed."""
    drawn = figures()
    for figure in drawn:
        for card in cards:
            lesion = card.lesion
            if lesion.body_view == figure.view:
                figure.dots.append(Dot(lesion.body_x * WIDTH, lesion.body_y * HEIGHT, card))
        share_room(figure.dots)
    return drawn


def share_room(dots: list[Dot]) -> None:
    """No dot reaches beyond the middle between it and its nearest neighbour."""
    for dot in dots:
        others = (other for other in dots if other is not dot)
        nearest = min((distance(dot, other) for other in others), default=math.inf)
        dot.reach = min(REACH, nearest / 2)


def distance(one: Dot, other: Dot) -> float:
    return math.dist((one.across, one.down), (other.across, other.down))


@register.filter
def place_on(form: Any, figure: Figure) -> tuple[float, float] | None:
    """Where the form's place stands on this figure, in units; None where it is elsewhere."""
    view, x, y = (form[name].value() for name in ("body_view", "body_x", "body_y"))
    try:
        return (float(x) * WIDTH, float(y) * HEIGHT) if view == figure.view else None
    except (TypeError, ValueError):
        return None


@register.filter
def units(number: float) -> str:
    """A coordinate of the drawing, with a point whatever the language."""
    return f"{number:.1f}"
