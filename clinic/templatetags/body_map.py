"""How pages draw the body map."""

from dataclasses import dataclass, field
from typing import Any

from django import template

from clinic.body_map import HEIGHT, REGIONS, WIDTH, Region
from clinic.dots import Dot, arrange
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
        arrange(figure.dots)
    return drawn


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
