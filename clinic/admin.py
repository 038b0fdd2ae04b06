"""The platform operator's pages: accounts, hospitals and roles. No clinical record is here."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as BaseUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from clinic.models import ApiToken, AuditEvent, Hospital, Membership, User
from clinic.services.audit import record_event
from clinic.services.staff import remove_membership
from clinic.services.tokens import revoke_token

admin.site.site_header = admin.site.site_title = _("Nevus: the platform")
# roles are memberships at hospitals, not groups of permissions
admin.site.unregister(Group)


class Audited(admin.ModelAdmin):
    """Every change of the operator is an event, like one of anybody else."""

    noun = ""

    def save_model(self, request: HttpRequest, obj, form, change) -> None:
        super().save_model(request, obj, form, change)
        action = f"{'update' if change else 'create'}_{self.noun}"
        details = {"fields": sorted(form.changed_data)}
        hospital = hospital_of(obj)
        record_event(actor=request.user, action=action, hospital=hospital, obj=obj, details=details)

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        """Nobody and nothing that an event names is taken away; accounts are made inactive."""
        return False


def hospital_of(obj) -> Hospital | None:
    return obj if isinstance(obj, Hospital) else getattr(obj, "hospital", None)


class ReadOnly(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj=None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return False


@admin.register(Hospital)
class HospitalAdmin(Audited):
    noun = "hospital"
    list_display = ["name", "created_at"]
    search_fields = ["name"]


@admin.register(User)
class UserAdmin(Audited, BaseUserAdmin):
    noun = "user"
    list_display = ["username", "first_name", "last_name", "is_active", "is_staff", "last_login"]
    filter_horizontal = []
    list_filter = ["is_active", "is_superuser"]
    fieldsets = [
        (None, {"fields": ["username", "password"]}),
        (_("Name"), {"fields": ["first_name", "last_name", "email"]}),
        (_("May"), {"fields": ["is_active", "is_staff", "is_superuser"]}),
    ]

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = ""):
        """With its event or not at all; a page of its own, which saves without ``save_model``."""
        with transaction.atomic():
            return super().user_change_password(request, id, form_url)

    def log_change(self, request: HttpRequest, obj: User, message):
        if request.resolver_match.url_name == "auth_user_password_change":
            record_event(actor=request.user, action="change_password", hospital=None, obj=obj)
        return super().log_change(request, obj, message)


@admin.register(Membership)
class MembershipAdmin(Audited):
    noun = "membership"
    list_display = ["user", "hospital", "role"]
    list_filter = ["role", "hospital"]
    list_select_related = ["user", "hospital"]
    autocomplete_fields = ["user", "hospital"]

    def has_delete_permission(self, request: HttpRequest, obj=None) -> bool:
        return request.user.is_superuser

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        remove_membership(actor=request.user, membership=obj)

    def delete_queryset(self, request: HttpRequest, queryset) -> None:
        for membership in queryset:
            remove_membership(actor=request.user, membership=membership)


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnly):
    list_display = ["name", "user", "created_at", "expires_at", "revoked_at", "last_used_at"]
    list_select_related = ["user"]
    actions = ["revoke"]

    @admin.action(description=_("Revoke the chosen tokens"))
    def revoke(self, request: HttpRequest, queryset) -> None:
        for token in queryset:
            revoke_token(actor=request.user, token=token)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnly):
    list_display = ["at", "action", "actor", "hospital", "object_type", "object_id", "address"]
    list_filter = ["action", "hospital"]
    list_select_related = ["actor", "hospital"]
    show_full_result_count = False
