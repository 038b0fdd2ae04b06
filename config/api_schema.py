"""How the OpenAPI description is drawn from the view sets."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers
from rest_framework.permissions import SAFE_METHODS

from clinic.api.idempotency import PARAMETER
from config.api import MEDIA_TYPE, TITLES


class ProblemSerializer(serializers.Serializer):
    """RFC 9457. ``code`` is for programs, ``detail`` one sentence for people, ``request_id`` that
    of the X-Request-ID header, by which the operator finds the log lines."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    code = serializers.CharField()
    errors = serializers.DictField(child=serializers.ListField(child=serializers.CharField()))
    request_id = serializers.CharField()


class ApiSchema(AutoSchema):
    """Adds to every operation what it can go wrong with, and the idempotency header."""

    def get_override_parameters(self) -> list:
        action = getattr(self.view, getattr(self.view, "action", None) or "", None)
        extra = [PARAMETER] if getattr(action, "is_idempotent", False) else []
        return [*super().get_override_parameters(), *extra]

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        problem = self.resolve_serializer(ProblemSerializer, direction).ref
        for status in self.problems():
            body: dict[str, Any] = {
                "content": {MEDIA_TYPE: {"schema": problem}},
                "description": TITLES[status],
            }
            if status in (429, 503):
                body["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
            bodies.setdefault(str(status), body)
        return bodies

    def problems(self) -> list[int]:
        signs_in = not self.get_auth()
        found = {400, 401, 503} | ({429} if signs_in else {403})
        if "{" in self.path or getattr(self.view, "query_serializer_class", None):
            found.add(404)
        if self.method not in (*SAFE_METHODS, "DELETE"):
            found |= {413, 415} | (set() if signs_in else {404, 409})
        return sorted(found)
