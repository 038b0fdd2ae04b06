"""Tokens: made with username and password, listed and revoked by their user."""

from typing import Any

from axes.helpers import get_cool_off
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.api.base import ApiViewSet, find_visible, in_shape
from clinic.api.fields import RecordSerializer, UtcDateTimeField, WordField
from clinic.api.rules import rule
from clinic.errors import DomainError, RetryError
from clinic.models import ApiToken, Scope, User
from clinic.services.tokens import (
    DEFAULT_DAYS,
    check_days,
    check_scopes,
    create_token,
    revoke_token,
)

# what a doctor's own program needs; who wants to administer has to say so
USUAL_SCOPES = (Scope.READ, Scope.WRITE, Scope.DIAGNOSE)


class TokenSerializer(RecordSerializer):
    scopes = serializers.ListField(child=WordField(choices=Scope.choices))
    expires_at = UtcDateTimeField()

    class Meta:
        model = ApiToken
        fields = (
            "id",
            "name",
            "scopes",
            "created_at",
            "expires_at",
            "last_used_at",
            "revoked_at",
        )


class NewTokenSerializer(TokenSerializer):
    token = serializers.CharField(help_text="The secret. It is shown this once.")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")


class CredentialsSerializer(serializers.Serializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False)
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=20),
        default=list(USUAL_SCOPES),
        help_text=f"Of {', '.join(Scope.values)}.",
    )
    name = serializers.CharField(max_length=100, default="", allow_blank=True)
    days = serializers.IntegerField(default=DEFAULT_DAYS, help_text="Valid for so many days.")

    validate_scopes = rule(check_scopes)
    validate_days = rule(check_days)


class TokenViewSet(ApiViewSet):
    serializer_class = TokenSerializer
    # a token may take itself and its like away, whatever else it may do
    scopes = {"destroy": Scope.READ}

    def get_authenticators(self) -> list:
        # a bad header must not keep a client from signing in again
        signs_in = self.request is not None and self.request.method == "POST"
        return [] if signs_in else super().get_authenticators()

    def get_permissions(self) -> list:
        return [AllowAny()] if self.action == "create" else super().get_permissions()

    def get_queryset(self) -> Any:
        return ApiToken.objects.filter(user=self.request.user.pk)

    @extend_schema(summary="List your tokens, without their secrets")
    def list(self, request: Request) -> Response:
        rows = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    @extend_schema(
        summary="Sign in: make a token",
        request=CredentialsSerializer,
        responses={201: NewTokenSerializer},
        auth=[],
    )
    def create(self, request: Request) -> Response:
        given = in_shape(CredentialsSerializer(data=request.data))
        # the sign-in guard counts on Django's own request
        user = sign_in(request._request, given.pop("username"), given.pop("password"))
        token, secret = create_token(actor=user, user=user, **given)
        token.token = secret  # type: ignore[attr-defined]
        return Response(NewTokenSerializer(token).data, status=201)

    @extend_schema(summary="Revoke one of your tokens", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        token = find_visible(OwnTokens(), request.user, pk)
        revoke_token(actor=request.user, token=token)
        return Response(status=204)


class OwnTokens:
    """The tokens of a user, in the shape that ``find_visible`` asks."""

    def visible_to(self, user: User) -> Any:
        return ApiToken.objects.filter(user=user)


def sign_in(request: HttpRequest, username: str, password: str) -> User:
    """The user of these credentials. Raises DomainError 401, or 429 after too many attempts."""
    user = authenticate(request, username=username, password=password)
    if getattr(request, "axes_locked_out", False):
        # else the guard's middleware would replace our answer by its page
        request.axes_locked_out = False  # type: ignore[attr-defined]
        cool_off = get_cool_off(request)
        message = _("Too many attempts with a wrong password. Try again later.")
        seconds = int(cool_off.total_seconds()) if cool_off else 900
        raise RetryError("locked", message, status=429, seconds=seconds)
    if user is None:
        message = _("Username or password is wrong.")
        raise DomainError("invalid_credentials", message, status=401)
    # lets the guard forget the attempts before
    user_logged_in.send(sender=type(user), request=request, user=user)
    return user
