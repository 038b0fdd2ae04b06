"""Who may call a view, and what is noted when a record is shown."""

import time
from collections.abc import Callable
from functools import wraps

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from clinic.permissions import hospital_ids
from clinic.services.audit import record_event

View = Callable[..., HttpResponse]

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# where the session keeps a form that came after the session before had ended
UNSENT = "unsent"
UNSENT_CHARACTERS = 50_000
# a signature is given again, by whoever is signed in then; a password is typed again
NOT_KEPT = {"csrfmiddlewaretoken", "sign", "old_password", "new_password1", "new_password2"}


def guard(view: View) -> View:
    """Only for somebody who is signed in; a fragment asks the browser to load the page again.

    A form is never lost: what htmx sent stays in the page, other fields wait for the sign-in.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if is_fragment(request):
            refresh = {"HX-Refresh": "true"} if request.method in SAFE_METHODS else {}
            return HttpResponse(status=401, headers=refresh)
        if request.method == "POST":
            keep_unsent(request)
        return redirect_to_login(request.get_full_path())

    return guarded


def keep_unsent(request: HttpRequest) -> None:
    """Remember where the fields were sent to, until the next sign-in of this browser."""
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in NOT_KEPT
        for value in values
    ]
    if sum(len(name) + len(value) for name, value in fields) <= UNSENT_CHARACTERS:
        path = request.get_full_path()
        request.session[UNSENT] = {"path": path, "fields": fields, "at": time.time()}


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


def page_number(request: HttpRequest) -> int:
    """The page that is asked for, the first where that makes no sense."""
    text = request.GET.get("page", "1")
    return max(1, int(text)) if text.isdecimal() and len(text) < 7 else 1
