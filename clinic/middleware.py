"""What happens around every request."""

import ipaddress
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils.translation import gettext as _

from clinic import origin
from clinic.errors import DomainError
from clinic.views.errors import problem

Handler = Callable[[HttpRequest], HttpResponse]


def client_address(request: HttpRequest) -> str | None:
    """The client's address; X-Forwarded-For is read only behind the proxies that are trusted."""
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    proxies = settings.TRUSTED_PROXIES
    if proxies and len(forwarded) >= proxies and forwarded[-proxies].strip():
        return plain_address(forwarded[-proxies])
    return plain_address(request.META.get("REMOTE_ADDR", ""))


def plain_address(text: str) -> str | None:
    """The one way to write an IP address, as a database writes it too; without port and zone.

    None for what is no address: PostgreSQL would refuse the audit event and so the whole request.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def name_tried(request: HttpRequest, credentials: dict[str, str] | None = None) -> str | None:
    """Under what wrong passwords are counted: one in every case of the name, as for the sign-in."""
    name = (credentials or request.POST).get("username")
    return name.upper() if name else None


class AuditOriginMiddleware:
    """Remember the address for the audit events that this request will write, and until its end the
    token by which it was let in."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        address, token = origin.address.set(client_address(request)), origin.token.set(None)
        try:
            return self.get_response(request)
        finally:
            origin.token.reset(token)
            origin.address.reset(address)


class DomainErrorMiddleware:
    """A page's unhandled DomainError, or wrong method, becomes a page that says what happened."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not isinstance(response, HttpResponseNotAllowed):
            return response
        message = _("This address cannot be opened this way. Go back and try from there.")
        error = DomainError("method_not_allowed", message, status=405)
        page = problem(request, error)
        page["Allow"] = response["Allow"]
        return page

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, DomainError):
            return None
        # a message queued before the failure would be shown twice
        list(messages.get_messages(request))
        return problem(request, error)
