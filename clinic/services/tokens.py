"""API tokens: made, found and revoked. The secret leaves the application once."""

import datetime
import hashlib
import secrets
from collections.abc import Collection

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clinic.errors import FieldError
from clinic.models import ApiToken, Scope, User
from clinic.services.audit import record_event

PREFIX = "nevus_"
DEFAULT_DAYS = 90
MAXIMUM_DAYS = 366
# the time of last use is kept to the minute: a write per request would be dearer than the request
LAST_USED_STEP = datetime.timedelta(minutes=1)


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def create_token(
    *, actor: User, user: User, scopes: list[str], name: str = "", days: int = DEFAULT_DAYS
) -> tuple[ApiToken, str]:
    """A new token of the user and its secret, which is not kept."""
    check_scopes(scopes)
    check_days(days)
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name[:100] or _("Token"),
        digest=digest_of(secret),
        scopes=sorted(set(scopes)),
        expires_at=timezone.now() + datetime.timedelta(days=days),
    )
    details = {"user": str(user.pk), "scopes": token.scopes}
    record_event(actor=actor, action="create_token", hospital=None, obj=token, details=details)
    return token, secret


def check_scopes(scopes: Collection[str]) -> None:
    """Raises FieldError: ``unknown_scope``, for none as well."""
    if not scopes or not set(scopes) <= set(Scope.values):
        known = ", ".join(Scope.values)
        message = _("Choose at least one scope of: %(known)s.") % {"known": known}
        raise FieldError("unknown_scope", message, field="scopes")


def check_days(days: int) -> None:
    """Raises FieldError: ``invalid``."""
    if not 1 <= days <= MAXIMUM_DAYS:
        message = _("A token is valid for 1 to %(days)d days.") % {"days": MAXIMUM_DAYS}
        raise FieldError("invalid", message, field="days")


def find_token(secret: str) -> ApiToken | None:
    """The usable token of an active user, or None. One query; notes the use."""
    token = ApiToken.objects.select_related("user").filter(digest=digest_of(secret)).first()
    if token is None or not token.is_usable or not token.user.is_active:
        return None
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at > LAST_USED_STEP:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


@transaction.atomic
def revoke_token(*, actor: User, token: ApiToken) -> None:
    """The token stops working at once; revoking it again changes nothing."""
    if token.revoked_at is not None:
        return
    token.revoked_at = timezone.now()
    token.save(update_fields=["revoked_at"])
    record_event(actor=actor, action="revoke_token", hospital=None, obj=token)
