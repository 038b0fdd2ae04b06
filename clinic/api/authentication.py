"""Bearer tokens."""

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from clinic import origin
from clinic.models import ApiToken, User
from clinic.services.tokens import find_token


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer <token>``; every event of the request then names the token."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _space, secret = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = find_token(secret.strip())
        if token is None:
            raise AuthenticationFailed(
                _("The token is unknown, expired or revoked."), "invalid_token"
            )
        origin.token.set(str(token.pk))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="nevus"'


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = TokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema) -> dict:
        return {"type": "http", "scheme": "bearer"}
