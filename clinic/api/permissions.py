"""Which scope a token needs. What its user may do is decided by the services."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from clinic.models import Scope


class HasScope(BasePermission):
    """``read`` to read, or the view's ``read_scope``; to change, what the view's ``scopes`` say for
    the action, or ``write``."""

    code = "missing_scope"
    message = _("The token lacks the scope for this.")

    # the view is an APIView, whose module reads the settings that name this class
    def has_permission(self, request: Request, view: Any) -> bool:
        token = request.auth
        return token is not None and needed_scope(request.method, view) in token.scopes


def needed_scope(method: str | None, view: Any) -> str:
    if method in SAFE_METHODS:
        return getattr(view, "read_scope", Scope.READ)
    return getattr(view, "scopes", {}).get(getattr(view, "action", None), Scope.WRITE)
