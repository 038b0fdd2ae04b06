"""Where the model looked: the fragment beside the picture, and the map that is laid over it."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from clinic.errors import DomainError
from clinic.permissions import get_visible
from clinic.sending import picture_response
from clinic.services.audit import record_event
from clinic.views.access import guard, signed_in
from clinic.views.images import ASK_AGAIN, as_picture
from diagnosis.failures import heat_map_failure_message
from diagnosis.models import DiagnosisRequest, HeatMap, Status
from diagnosis.services.heat_maps import order_heat_map, read_heat_map
from diagnosis.services.workers import readers_alive


@signed_in
@require_safe
def heat_map(request: HttpRequest, pk) -> HttpResponse:
    """The fragment that the page asks for until the map is drawn; 204 while nothing changed."""
    rows = DiagnosisRequest.objects.select_related("prediction", "image")
    row = get_visible(rows, request.user, pk=pk)
    context = heat_map_of(row)
    if request.GET.get("seen") == context["heat_map_stage"]:
        return HttpResponse(status=204)
    context |= {"row": row, "image": row.image, "refreshed": True}
    return render(request, "diagnoses/heat_map.html", context)


@guard
@require_safe
def heat_map_picture(request: HttpRequest, pk) -> HttpResponse:
    """The map as a PNG. A look at it is noted like one at the picture."""
    found = get_visible(HeatMap.objects.select_related("request"), request.user, request=pk)
    if found.waits:
        raise DomainError("not_found", _("The map is still being drawn."), status=404)
    row = found.request
    record_event(actor=request.user, action="view_heat_map", hospital=row.hospital_id, obj=row)
    etag = f'"{found.pk}"'
    response = get_conditional_response(request, etag=etag)
    if response is None:
        content = read_heat_map(found)
        response = picture_response(content, key=found.key, media_type="image/png")
    return as_picture(response, etag=etag, name=f"heat-map-{row}.png", cache=ASK_AGAIN)


def heat_map_of(row: DiagnosisRequest) -> dict[str, Any]:
    """What the fragment shows of an answer's map, which is ordered at the first look."""
    if row.status != Status.SUCCEEDED:
        return {"heat_map": None, "heat_map_stage": ""}
    found = order_heat_map(row)
    silent = found.waits and not readers_alive()
    code = found.failure_code
    return {
        "heat_map": found,
        "heat_map_silent": silent,
        "heat_map_failure": heat_map_failure_message(code) if code else "",
        "heat_map_stage": f"waits-{int(silent)}" if found.waits else "ended",
    }
