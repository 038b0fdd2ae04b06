"""What happens around every request."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from clinic import origin
from clinic.errors import DomainError

Handler = Callable[[HttpRequest], HttpResponse]


def client_address(request: HttpRequest) -> str | None:
    """The client's address; X-Forwarded-For is read only behind the proxies that are trusted."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    proxies = settings.TRUSTED_PROXIES
    if proxies and len(forwarded) >= proxies and forwarded[-proxies].strip():
        return forwarded[-proxies].strip()
    return request.META.get("REMOTE_ADDR") or None


class AuditOriginMiddleware:
    """Remember the address for the audit events that this request will write."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = origin.address.set(client_address(request))
        try:
            return self.get_response(request)
        finally:
            origin.address.reset(token)


class DomainErrorMiddleware:
    """A page's unhandled DomainError becomes a page that says what happened."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, DomainError):
            return None
        # a message queued before the failure would be shown twice
        list(messages.get_messages(request))
        return render(request, "errors/problem.html", {"error": error}, status=error.status)
