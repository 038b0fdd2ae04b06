"""The pages for what went wrong outside a view."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from clinic.errors import DomainError
from clinic.views.access import keep_too_old


def problem(request: HttpRequest, error: DomainError) -> HttpResponse:
    context = {"error": error, "form_page": form_page(request)}
    return render(request, "errors/problem.html", context, status=error.status)


def form_page(request: HttpRequest) -> str:
    """The page of ours with the form that was sent, where that is another address; else empty."""
    page = request.headers.get("Referer", "")
    own = url_has_allowed_host_and_scheme(page, request.get_host(), request.is_secure())
    sent = request.method == "POST" and own and urlsplit(page).path != request.path
    return page if sent else ""


def too_large(request: HttpRequest) -> HttpResponse:
    """What nginx answers with in our place, where it refuses a body before we see it: the page, or
    below /api/ the problem document."""
    limit = settings.NEVUS_MAX_UPLOAD_BYTES // 1024**2
    message = _("The file is larger than %(limit)d MB.") % {"limit": limit}
    if request.path.startswith("/api/"):
        return JsonResponse(
            {
                "type": "about:blank",
                "title": "Too large",
                "status": 413,
                "detail": message,
                "code": "file_too_large",
                "errors": {"file": [message]},
            },
            status=413,
            content_type="application/problem+json",
        )
    return problem(request, DomainError("file_too_large", message, status=413))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form is refused in any case; what somebody typed into ours is shown to them again."""
    if keep_too_old(request):
        return redirect("unsent")
    message = _(
        "The form was too old or came from elsewhere. Go back, reload the page, send again."
    )
    return problem(request, DomainError("form_expired", message, status=403))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return problem(request, DomainError("not_found", _("There is no such page."), status=404))


def server_error(request: HttpRequest) -> HttpResponse:
    message = _("Something failed on our side. What was saved before is kept; please try again.")
    return problem(request, DomainError("internal_error", message, status=500))
