"""The pages for what went wrong outside a view."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from clinic.errors import DomainError


def problem(request: HttpRequest, error: DomainError) -> HttpResponse:
    return render(request, "errors/problem.html", {"error": error}, status=error.status)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    message = _(
        "The form was too old or came from elsewhere. Go back, reload the page, send again."
    )
    return problem(request, DomainError("form_expired", message, status=403))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem(request, DomainError("not_found", _("There is no such page."), status=404))


def server_error(request: HttpRequest) -> HttpResponse:
    message = _("Something failed on our side. What was saved before is kept; please try again.")
    return problem(request, DomainError("internal_error", message, status=500))
