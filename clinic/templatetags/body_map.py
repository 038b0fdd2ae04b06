"""How pages draw the body map."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django import template

from clinic.body_map import HEIGHT, REGIONS, WIDTH, Region
from clinic.dots import Dot, arrange
from clinic.models import Lesion
from clinic.vocabulary import BodyView

register = template.Library()


@dataclass
class Figure:
    """One view of the body, with what stands on it; all measures in units of the drawing."""

    view: BodyView
    regions: list[Region]
    dots: list[Dot] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        return WIDTH, HEIGHT


def figures() -> list[Figure]:
    """Both views, empty."""
    return [Figure(view, [r for r in REGIONS if r.view == view]) for view in BodyView]


@register.simple_tag
def figures_of(cards: list[Any]) -> list[Figure]:
    """Both views with a dot for every card whose lesion is placed."""
    return dotted((card.lesion, card) for card in cards)


@register.simple_tag
def figures_with(lesions: Iterable[Lesion]) -> list[Figure]:
    """Both views with a dot for every lesion that is placed; their numbers are known."""
    return dotted((lesion, lesion) for lesion in sorted(lesions, key=lambda one: one.number))


def dotted(things: Iterable[tuple[Lesion, Any]]) -> list[Figure]:
    """Both views with a dot for every thing whose lesion is placed."""
    drawn = {figure.view: figure for figure in figures()}
    for lesion, thing in things:
        if lesion.body_view:
            dot = Dot(lesion.body_x * WIDTH, lesion.body_y * HEIGHT, thing)
            drawn[BodyView(lesion.body_view)].dots.append(dot)
    for figure in drawn.values():
        arrange(figure.dots)
    return list(drawn.values())


@register.filter
def count_dots(drawn: list[Figure]) -> int:
    return sum(len(figure.dots) for figure in drawn)


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
