"""Which scope a token needs. What its user may do is decided by the services."""

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from clinic.models import Scope


class HasScope(BasePermission):
    """``read`` to read; to change, the view's ``write_scope`` (``write`` where it names none)."""

    message = "The token lacks the scope for this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        token = request.auth
        if token is None:
            return False
        needed = Scope.READ if request.method in SAFE_METHODS else self.write_scope(view)
        return needed in token.scopes

    def write_scope(self, view: APIView) -> str:
        action = getattr(view, "action", None)
        return getattr(view, "scopes", {}).get(action) or getattr(view, "write_scope", Scope.WRITE)
