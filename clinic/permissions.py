"""Who may do what, defined once. Pages, API, exports and searches all ask here.

Seeing is decided by the querysets' ``visible_to`` (any membership at the record's hospital); what
is not visible does not exist for the user. Doing is decided by role: what is visible but not
allowed is refused with a 403.
"""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from clinic.errors import DomainError

# a user's memberships are read once per request, however many querysets ask
CACHE = "_nevus_roles"


def roles_by_hospital(user: Any) -> dict[UUID, set[str]]:
    """Hospital to the user's roles there; empty for nobody and for disabled accounts."""
    if not getattr(user, "is_active", False) or user.pk is None:
        return {}
    if not hasattr(user, CACHE):
        roles: dict[UUID, set[str]] = {}
        for hospital_id, role in user.memberships.values_list("hospital_id", "role"):
            roles.setdefault(hospital_id, set()).add(role)
        setattr(user, CACHE, roles)
    return getattr(user, CACHE)


def hospital_ids(user: Any, *roles: str) -> list[UUID]:
    """The hospitals where the user has one of the roles, or any role where none is named."""
    held = roles_by_hospital(user)
    return [pk for pk in held if not roles or held[pk].intersection(roles)]


def forget_roles(user: Any) -> None:
    """Read the memberships again, after one was added or taken away."""
    if hasattr(user, CACHE):
        delattr(user, CACHE)


def has_role(user: Any, hospital_id: UUID, *roles: str) -> bool:
    return bool(roles_by_hospital(user).get(hospital_id, set()).intersection(roles))


def may_record(user: Any, hospital_id: UUID) -> bool:
    """Write patients, lesions and images, and order readings."""
    return has_role(user, hospital_id, "doctor", "integration")


def may_review(user: Any, hospital_id: UUID) -> bool:
    """Conclude and sign: only a person who is a doctor there."""
    return has_role(user, hospital_id, "doctor")


def may_administer(user: Any, hospital_id: UUID) -> bool:
    return has_role(user, hospital_id, "administrator")


def denied(message: str) -> DomainError:
    return DomainError("permission_denied", message, status=403)


def require_record(user: Any, hospital_id: UUID) -> None:
    if not may_record(user, hospital_id):
        raise denied(_("Only a doctor of this hospital may do this."))


def require_review(user: Any, hospital_id: UUID) -> None:
    if not may_review(user, hospital_id):
        raise denied(_("Only a doctor of this hospital may review a reading."))


def require_administer(user: Any, hospital_id: UUID) -> None:
    if not may_administer(user, hospital_id):
        raise denied(_("Only an administrator of this hospital may do this."))


def get_visible(queryset: QuerySet, user: Any, **lookup: Any) -> Any:
    """The one object, or a 404: an invisible record and an unknown one look the same."""
    found = queryset.visible_to(user).filter(**lookup).first()  # type: ignore[attr-defined]
    if found is None:
        raise DomainError("not_found", _("There is no such record."), status=404)
    return found
