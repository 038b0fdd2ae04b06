"""What every endpoint of the API shares: pagination and problem documents (RFC 9457)."""

import logging

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.pagination import CursorPagination as BaseCursorPagination
from rest_framework.response import Response
from rest_framework.views import set_rollback

from clinic.errors import DomainError

logger = logging.getLogger(__name__)


class CursorPagination(BaseCursorPagination):
    """``{"results", "next", "previous"}``, newest first."""

    page_size = 50
    max_page_size = 100
    page_size_query_param = "page_size"
    ordering = ("-created_at", "id")


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
    503: "Not available",
}
RETRY_AFTER_SECONDS = "5"


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
    }
    response = Response(body, status=status, headers=headers)
    # set here, because the renderer would say application/json
    response.content_type = "application/problem+json"
    return response


def problem_handler(error: Exception, context: dict) -> Response | None:
    """Answer any exception that a client can understand; the others stay unhandled (500)."""
    set_rollback()
    if isinstance(error, DomainError):
        headers = {"Retry-After": RETRY_AFTER_SECONDS} if error.status == 503 else None
        return problem(error.status, error.code, error.message, error.errors, headers)
    if isinstance(error, Http404):
        return problem(404, "not_found", "There is no such record.")
    if isinstance(error, PermissionDenied):
        return problem(403, "permission_denied", "You may not do this.")
    if isinstance(error, OperationalError):
        logger.error("the database did not answer: %s", type(error).__name__)
        message = "The database does not answer. Nothing was stored; try again."
        return problem(503, "unavailable", message, headers={"Retry-After": RETRY_AFTER_SECONDS})
    if isinstance(error, exceptions.ValidationError):
        return problem(400, "invalid", first_message(error.detail), field_messages(error.detail))
    if isinstance(error, exceptions.APIException):
        return problem(
            error.status_code, code_of(error), str(error.detail), headers=headers_of(error)
        )
    return None


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


def field_messages(detail) -> dict[str, list[str]]:
    """DRF's nested error detail as field to messages, one level deep."""
    if isinstance(detail, list):
        return {"__all__": [str(text) for text in detail]}
    found = {}
    for field, texts in detail.items():
        nested = texts if isinstance(texts, list) else [first_message(texts)]
        found[field] = [str(text) for text in nested]
    return found


def first_message(detail) -> str:
    while isinstance(detail, (dict, list)):
        detail = next(iter(detail.values() if isinstance(detail, dict) else detail))
    return str(detail)
