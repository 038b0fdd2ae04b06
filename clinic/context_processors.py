"""What every page needs to draw its frame."""

from django.http import HttpRequest

from clinic.permissions import roles_by_hospital


def memberships(request: HttpRequest) -> dict:
    """The roles that decide which navigation is shown; no query for somebody signed out."""
    user = getattr(request, "user", None)
    roles = set().union(*roles_by_hospital(user).values()) if user is not None else set()
    return {"roles": roles, "may_record_somewhere": bool(roles & {"doctor", "integration"})}
