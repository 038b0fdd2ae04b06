"""The figure as a picture, for browsers without scripts; it holds no record."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from clinic.templatetags.body_map import figures
from clinic.vocabulary import BodyView


@require_safe
@cache_control(max_age=86_400, public=True)
def body_map(request: HttpRequest, view: str) -> HttpResponse:
    """One view as SVG, with a mark at ``?x=&y=`` in units of the drawing."""
    figure = next(f for f in figures() if f.view == BodyView(view))
    try:
        place = (float(request.GET["x"]), float(request.GET["y"]))
    except (KeyError, ValueError):
        place = None
    context = {"figure": figure, "place": place}
    return render(request, "body_map/figure.svg", context, content_type="image/svg+xml")
