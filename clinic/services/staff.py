"""Hospitals, accounts and their roles: the platform operator's and the administrators' work."""

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from clinic.errors import FieldError, from_validation_error
from clinic.models import Hospital, Membership, User
from clinic.permissions import forget_roles
from clinic.services.audit import record_event


@transaction.atomic
def create_hospital(*, actor: User | None, name: str) -> Hospital:
    hospital = Hospital(name=name.strip())
    try:
        hospital.full_clean()
    except ValidationError as error:
        raise from_validation_error(error) from error
    hospital.save()
    record_event(actor=actor, action="create_hospital", hospital=hospital, obj=hospital)
    return hospital


@transaction.atomic
def create_user(
    *, actor: User | None, username: str, password: str, given_name: str = "", family_name: str = ""
) -> User:
    user = User(username=username, first_name=given_name, last_name=family_name)
    try:
        password_validation.validate_password(password, user)
        user.set_password(password)
        user.full_clean()
    except ValidationError as error:
        raise from_validation_error(error) from error
    user.save()
    record_event(actor=actor, action="create_user", hospital=None, obj=user)
    return user


@transaction.atomic
def create_operator(*, actor: User | None, username: str, password: str) -> User:
    """An account that operates the platform: a superuser, who sees no clinical record."""
    user = create_user(actor=actor, username=username, password=password)
    user.is_staff = user.is_superuser = True
    user.save(update_fields=["is_staff", "is_superuser"])
    record_event(actor=actor, action="create_operator", hospital=None, obj=user)
    return user


@transaction.atomic
def add_membership(*, actor: User | None, user: User, hospital: Hospital, role: str) -> Membership:
    """Give the user a role at the hospital. Raises FieldError where it is held already."""
    if Membership.objects.filter(user=user, hospital=hospital, role=role).exists():
        raise FieldError("membership_exists", _("The user has this role already."), field="role")
    membership = Membership(user=user, hospital=hospital, role=role)
    try:
        membership.full_clean()
    except ValidationError as error:
        raise from_validation_error(error) from error
    membership.save()
    forget_roles(user)
    details = {"user": str(user.pk), "role": role}
    record_event(
        actor=actor, action="add_membership", hospital=hospital, obj=membership, details=details
    )
    return membership
