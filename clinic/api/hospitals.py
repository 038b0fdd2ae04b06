"""Who am I, and where."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.api.base import ApiViewSet, find_visible
from clinic.api.fields import RecordSerializer, WordField
from clinic.api.tokens import TokenSerializer
from clinic.models import Hospital, Role, Scope, User


class HospitalSerializer(RecordSerializer):
    class Meta:
        model = Hospital
        fields = ("id", "name")


class MembershipSerializer(serializers.Serializer):
    hospital = HospitalSerializer()
    role = WordField(choices=Role.choices)


class MeSerializer(RecordSerializer):
    name = serializers.CharField(source="display_name")
    given_name = serializers.CharField(source="first_name")
    family_name = serializers.CharField(source="last_name")
    memberships = MembershipSerializer(many=True, source="memberships_by_name")
    scopes = serializers.ListField(child=WordField(choices=Scope.choices))
    token = TokenSerializer()

    class Meta:
        model = User
        fields = (
            "id",
            "username",
            "name",
            "given_name",
            "family_name",
            "memberships",
            "scopes",
            "token",
        )


class MeViewSet(ApiViewSet):
    serializer_class = MeSerializer

    @extend_schema(summary="The user of the token, where they work and what the token may do")
    def retrieve(self, request: Request) -> Response:
        user = request.user
        memberships = user.memberships.select_related("hospital")
        user.memberships_by_name = list(memberships.order_by("hospital__name", "role"))
        user.scopes, user.token = request.auth.scopes, request.auth
        return Response(self.get_serializer(user).data)


class HospitalViewSet(ApiViewSet):
    serializer_class = HospitalSerializer
    ordering = ("name", "id")

    def get_queryset(self) -> Any:
        return Hospital.objects.visible_to(self.request.user)

    @extend_schema(summary="List the hospitals whose records you may see")
    def list(self, request: Request) -> Response:
        rows = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    @extend_schema(summary="Show a hospital")
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(self.get_serializer(find_visible(Hospital.objects, request.user, pk)).data)
