"""What the tests of the API share: a client with a token, and how a problem is looked at."""

from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from clinic.models import Scope, User
from tests.factories import api_token

API = "/api/v1"
# rows that any request may write: who came, and what a key remembers
NOTES = {"apitoken", "auditchain", "auditevent", "idempotencykey", "user", "membership"}


def client(user: User | None = None, *scopes: str) -> APIClient:
    """A client with a token of the user, with all scopes where none is named."""
    found = APIClient()
    if user is not None:
        authorize(found, api_token(user, *(scopes or Scope.values)))
    return found


def authorize(found: APIClient, secret: str) -> None:
    found.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")


def assert_problem(response: Any, status: int, code: str, *fields: str) -> dict[str, Any]:
    """The response is a problem document with this status, code and fields; its body."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "code", "errors", "request_id"}
    assert body["request_id"] == response["X-Request-ID"]
    assert (body["status"], body["code"]) == (status, code)
    assert set(fields) == set(body["errors"])
    assert body["detail"].endswith(".")
    return body


def stored(media: Path) -> dict[str, int]:
    """How many rows each clinical table has, and how many files the storage."""
    rows = {
        model._meta.model_name: model.objects.count()
        for app in ("clinic", "diagnosis")
        for model in apps.get_app_config(app).get_models()
        if model._meta.model_name not in NOTES
    }
    return rows | {"files": sum(path.is_file() for path in media.rglob("*"))}


def count_queries(found: APIClient, address: str) -> int:
    # the first request of a token notes that it was used
    found.get(address)
    with CaptureQueriesContext(connection) as captured:
        response = found.get(address)
        assert b"".join(response) is not None
    assert response.status_code == 200
    return len(captured)
