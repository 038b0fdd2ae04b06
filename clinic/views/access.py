"""Who may call a view, and what is noted when a record is shown."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from clinic.permissions import hospital_ids
from clinic.services.audit import record_event

View = Callable[..., HttpResponse]


def guard(view: View) -> View:
    """Only for somebody who is signed in; a fragment asks the browser to load the page again."""

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if is_fragment(request):
            return HttpResponse(status=401, headers={"HX-Refresh": "true"})
        return redirect_to_login(request.get_full_path())

    return guarded


def signed_in(view: View) -> View:
    """A guarded page of which the browser keeps no copy: on a shared computer the back button
    must not show a patient."""
    return never_cache(guard(view))


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks, and only a part of the page is wanted."""
    return request.headers.get("HX-Request") == "true"


def go_to(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """A redirect that also works where htmx sent the form."""
    if is_fragment(request):
        return HttpResponse(status=204, headers={"HX-Redirect": response["Location"]})
    return response


def note_list(request: HttpRequest, action: str, *, hospital=None, **details) -> None:
    """Note in every hospital's audit log that a list of its records was shown."""
    for pk in [hospital.pk] if hospital is not None else hospital_ids(request.user):
        record_event(actor=request.user, action=action, hospital=pk, details=details)
