"""What every endpoint of the API shares: problem documents (RFC 9457) and what answers with them.

Pages of lists are in config/api_pagination.py, the OpenAPI description in config/api_schema.py.
"""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponsePermanentRedirect,
    UnreadablePostError,
)
from django.urls import resolve
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from clinic import origin
from clinic.api.rules import RuleCode
from clinic.errors import DomainError, RetryError
from config.api_pagination import CursorPagination

__all__ = ["CursorPagination", "UnknownAddress", "problem_handler"]

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    429: "Too many requests",
    500: "Failed",
    503: "Not available",
}
RETRY_SECONDS = 5
# many clients send the whole body before they listen; what is longer than this is cut off
MOST_DRAINED = 512 * 1024 * 1024
DRAINED_AT_ONCE = 1024 * 1024


def problem(
    status: int, code: str, detail: str, errors: dict | None = None, headers: dict | None = None
) -> Response:
    """A problem document with our ``code`` and ``errors`` (field to list of messages)."""
    body = {
        "type": "about:blank",
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "code": code,
        "errors": errors or {},
        # by which the operator finds the log lines of this call
        "request_id": origin.request_id.get(),
    }
    headers = dict(headers or {})
    if status == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="nevus"')
    if status == 503:
        headers.setdefault("Retry-After", str(RETRY_SECONDS))
    response = Response(body, status=status, headers=headers)
    # set here, because the renderer would say application/json
    response.content_type = MEDIA_TYPE
    return response


def problem_handler(error: Exception, context: dict) -> Response:
    """Answer any exception; what no client can understand is logged and becomes a 500."""
    set_rollback()
    drain(context["request"]._request)
    for kinds, answer in ANSWERS:
        if isinstance(error, kinds):
            return answer(error)
    return failed(error, context["request"])


def drain(request: HttpRequest) -> None:
    """Read and forget what is left of the body: a connection that is closed with unread bytes is
    reset, and the client would never see why it was refused."""
    left = MOST_DRAINED
    with contextlib.suppress(OSError):
        while left > 0 and (chunk := request.read(DRAINED_AT_ONCE)):
            left -= len(chunk)


def of_domain(error: DomainError) -> Response:
    headers = {"Retry-After": str(error.seconds)} if isinstance(error, RetryError) else None
    return problem(error.status, error.code, error.message, error.errors, headers)


def of_database(error: Exception) -> Response:
    logger.error("the database did not answer: %s", type(error).__name__)
    return problem(
        503, "unavailable", _("The database does not answer. Nothing was stored; retry.")
    )


def of_validation(error: exceptions.ValidationError) -> Response:
    """With the code and the status of a rule of ours where nothing else is wrong."""
    codes = set(flat(error.get_codes()))
    code = codes.pop() if len(codes) == 1 else None
    if not isinstance(code, RuleCode):
        code = RuleCode("invalid")
    said = field_messages(error.detail)
    return problem(code.status, code, first_message(error.detail), said)


def of_framework(error: exceptions.APIException) -> Response:
    detail = f"{str(error.detail).rstrip('.')}."
    return problem(error.status_code, code_of(error), detail, headers=headers_of(error))


def failed(error: Exception, request: Request) -> Response:
    # the class and the place of the error, not its message: that may hold a name
    logger.error("%s while answering", type(error).__name__, exc_info=without_message(error))
    got_request_exception.send(sender=None, request=request)
    return problem(500, "internal_error", _("Something failed on our side. Nothing was stored."))


def without_message(error: Exception) -> tuple:
    return Exception, Exception(type(error).__name__), error.__traceback__


ANSWERS: tuple[tuple[Any, Any], ...] = (
    (DomainError, of_domain),
    (Http404, lambda _error: problem(404, "not_found", _("There is no such record."))),
    (PermissionDenied, lambda _error: problem(403, "permission_denied", _("You may not do this."))),
    ((OperationalError, InterfaceError), of_database),
    (exceptions.ValidationError, of_validation),
    (exceptions.APIException, of_framework),
    (
        RequestDataTooBig,
        lambda _error: problem(413, "body_too_large", _("The fields of the form are too large.")),
    ),
    (
        SuspiciousOperation,
        lambda _error: problem(400, "parse_error", _("The request has too many parts.")),
    ),
    (
        UnreadablePostError,
        lambda _error: problem(400, "upload_interrupted", _("The upload was interrupted.")),
    ),
)


def code_of(error: exceptions.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else error.default_code


def headers_of(error: exceptions.APIException) -> dict:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait) + 1)
    return headers


def field_messages(detail: Any) -> dict[str, list[str]]:
    """DRF's nested error detail as field to messages, one level deep."""
    if isinstance(detail, list):
        return {"__all__": [str(text) for text in detail]}
    found = {}
    for field, texts in detail.items():
        nested = texts if isinstance(texts, list) else [first_message(texts)]
        name = "__all__" if field == "non_field_errors" else field
        found[name] = [str(text) for text in nested]
    return found


def flat(codes: Any) -> Iterator[str]:
    if isinstance(codes, (dict, list)):
        for part in codes.values() if isinstance(codes, dict) else codes:
            yield from flat(part)
    else:
        yield codes


def first_message(detail: Any) -> str:
    while isinstance(detail, (dict, list)):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail))
    return str(detail)


class UnknownAddress(APIView):
    """Every other address below /api/v1/: a problem document, not the page for people."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        # the catch-all hides addresses that lack the slash from Django's own redirect
        if request.method in SAFE_METHODS and lacks_slash(request.path_info):
            return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True))
        return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise DomainError(
            "not_found", _("There is no such address. All of them end with a slash."), status=404
        )


def lacks_slash(path: str) -> bool:
    return not path.endswith("/") and resolve(f"{path}/").url_name != "api-unknown"
