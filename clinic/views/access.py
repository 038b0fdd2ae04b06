"""Who may call a view, and what is noted when a record is shown."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from clinic.forms.base import LOOK
from clinic.permissions import hospital_ids
from clinic.services.audit import record_event

View = Callable[..., HttpResponse]

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
# where the session keeps a form that came after the session before had ended, or with its token
UNSENT = "unsent"
UNSENT_CHARACTERS = 50_000
KEPT_SECONDS = 3600
# a signature is given again, by whoever is signed in then; a password is typed again
NOT_KEPT = {"csrfmiddlewaretoken", "sign", "old_password", "new_password1", "new_password2", LOOK}


def guard(view: View) -> View:
    """Only for somebody who is signed in; a fragment asks the browser to load the page again, which
    static/js/signed_out.js does not do while the page holds something typed.

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
            keep_unsent(request, why="signed_out")
        return redirect_to_login(request.get_full_path())

    # the admin's forms, the sign-in and the invitation have no such mark: they hold passwords
    guarded.__dict__["keeps_unsent"] = True
    return guarded


def keep_unsent(request: HttpRequest, *, why: str) -> bool:
    """Remember where the fields were sent to, until the next sign-in of this browser, and ``why``
    they were not taken (a key of clinic.forms.base.NOT_TAKEN). False for too much of it."""
    fields = [
        (name, value)
        for name, values in request.POST.lists()
        if name not in NOT_KEPT
        for value in values
    ]
    if sum(len(name) + len(value) for name, value in fields) > UNSENT_CHARACTERS:
        return False
    request.session[UNSENT] = {
        "path": request.get_full_path(),
        "fields": fields,
        "files": bool(request.FILES),
        "why": why,
        "at": time.time(),
    }
    return True


def find_unsent(request: HttpRequest) -> dict[str, Any] | None:
    """What was kept in this browser's session within the last hour."""
    kept = request.session.get(UNSENT)
    return kept if kept and time.time() - kept["at"] <= KEPT_SECONDS else None


def keep_too_old(request: HttpRequest) -> bool:
    """Keep the fields of a form whose token is no longer the browser's, as after a sign-in in
    another tab; the form itself stays refused. Nothing is kept of what another site sent."""
    return (
        request.method == "POST"
        and from_own_page(request)
        and request.user.is_authenticated
        and getattr(request.resolver_match.func, "keeps_unsent", False)
        and not is_fragment(request)
        # it was shown again, and is refused again: that would go round for ever
        and LOOK not in request.POST
        and keep_unsent(request, why="old")
    )


def from_own_page(request: HttpRequest) -> bool:
    """Whether the browser says that a page of exactly this address sent the form. Stricter than
    Django, which needs no Referer over plain HTTP: here nothing said is no."""
    sent = request.headers.get("Origin")
    if sent is None:
        try:
            page = urlsplit(request.headers.get("Referer", ""))
        except ValueError:
            return False
        sent = f"{page.scheme}://{page.netloc}"
    return sent == f"{request.scheme}://{request.get_host()}"


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
