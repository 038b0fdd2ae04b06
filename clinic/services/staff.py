"""Hospitals, accounts and their roles: the platform operator's and the administrators' work."""

from uuid import UUID

from django.contrib.auth import password_validation
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from clinic.errors import DomainError, FieldError, from_validation_error
from clinic.models import AuditEvent, Hospital, Membership, Role, User
from clinic.permissions import forget_roles, require_administer
from clinic.services.audit import PLATFORM, lock_chain, record_event


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
        check_password_of(user, password)
        user.set_password(password)
        # two who make the same name in another case at once: the second waits, and is told
        lock_chain(PLATFORM)
        user.full_clean()
    except ValidationError as error:
        raise from_validation_error(error) from error
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        # somebody chose the same name between the check and the write
        message = user.unique_error_message(User, ("username",))
        raise from_validation_error(ValidationError({"username": message})) from error
    record_event(actor=actor, action="create_user", hospital=None, obj=user)
    return user


def check_password_of(user: User, password: str) -> None:
    """Raises ValidationError on the field ``password``, where Django's own names none."""
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.messages}) from error


@transaction.atomic
def create_operator(*, actor: User | None, username: str, password: str) -> User:
    """An account that operates the platform: a superuser, who sees no clinical record."""
    user = create_user(actor=actor, username=username, password=password)
    user.is_staff = user.is_superuser = True
    user.save(update_fields=["is_staff", "is_superuser"])
    record_event(actor=actor, action="create_operator", hospital=None, obj=user)
    return user


@transaction.atomic
def add_membership(
    *,
    actor: User | None,
    user: User,
    hospital: Hospital,
    role: str,
    invited_by: User | None = None,
) -> Membership:
    """Give the user a role at the hospital; ``invited_by`` is for the audit log, where the user is
    the actor. Raises FieldError where it is held already."""
    if Membership.objects.filter(user=user, hospital=hospital, role=role).exists():
        raise _has_role()
    membership = Membership(user=user, hospital=hospital, role=role)
    try:
        membership.full_clean()
    except ValidationError as error:
        raise from_validation_error(error) from error
    try:
        with transaction.atomic():
            membership.save()
    except IntegrityError as error:
        # somebody else gave it between the check and the write
        raise _has_role() from error
    forget_roles(user)
    details = {"user": str(user.pk), "role": role}
    if invited_by is not None:
        details["invited_by"] = str(invited_by.pk)
    record_event(
        actor=actor, action="add_membership", hospital=hospital, obj=membership, details=details
    )
    return membership


def _has_role() -> FieldError:
    return FieldError("membership_exists", _("The user has this role already."), field="role")


@transaction.atomic
def give_role(*, actor: User, user: User, hospital: Hospital, role: str) -> Membership:
    """Another role for somebody who works at the hospital already. Raises DomainError."""
    require_administer(actor, hospital.pk)
    _lock_roles(hospital.pk)
    if not Membership.objects.filter(user=user, hospital=hospital).exists():
        raise DomainError("not_found", _("There is no such person here."), status=404)
    return add_membership(actor=actor, user=user, hospital=hospital, role=role)


@transaction.atomic
def take_role(*, actor: User, membership: Membership) -> None:
    """Take one role away; it counts from the person's next request on.

    Raises ``last_administrator`` (409): a hospital that nobody administers can give no roles; and
    ``role_taken`` (409) where somebody has taken it meanwhile.
    """
    require_administer(actor, membership.hospital_id)
    _lock_roles(membership.hospital_id)
    if not Membership.objects.filter(pk=membership.pk).exists():
        raise role_taken()
    _keep_an_administrator(membership.hospital_id, [membership])
    remove_membership(actor=actor, membership=membership)


def was_taken(*, actor: User, membership: UUID) -> bool:
    """Whether it was a role at a hospital that the actor administers."""
    taken = AuditEvent.objects.filter(action="remove_membership", object_id=str(membership))
    return taken.visible_to(actor).exists()


def worked_at(hospital: Hospital, user: UUID) -> bool:
    """Whether somebody took a role at the hospital from this user."""
    taken = AuditEvent.objects.filter(action="remove_membership", hospital=hospital)
    return taken.filter(details__user=str(user)).exists()


def role_taken() -> DomainError:
    return DomainError("role_taken", _("This role was taken away already."), status=409)


@transaction.atomic
def end_access(*, actor: User, user: User, hospital: Hospital) -> None:
    """Take every role at the hospital away. The account stays, and so does what the person signed:
    a new invitation gives access again."""
    require_administer(actor, hospital.pk)
    _lock_roles(hospital.pk)
    held = list(Membership.objects.filter(user=user, hospital=hospital))
    if not held:
        raise DomainError("not_found", _("There is no such person here."), status=404)
    _keep_an_administrator(hospital.pk, held)
    for membership in held:
        remove_membership(actor=actor, membership=membership)


def _lock_roles(hospital_id: UUID) -> None:
    """One change of a hospital's roles at a time, or two administrators could end each other, and
    somebody whose access ends could be given a role beside it."""
    Hospital.objects.select_for_update().get(pk=hospital_id)


def _keep_an_administrator(hospital_id: UUID, leaving: list[Membership]) -> None:
    administrators = Membership.objects.filter(
        hospital=hospital_id, role=Role.ADMINISTRATOR, user__is_active=True
    )
    left = administrators.exclude(pk__in=[membership.pk for membership in leaving])
    if administrators.exists() and not left.exists():
        message = _("This is the hospital's last administrator. Make somebody else one first.")
        raise DomainError("last_administrator", message, status=409)


@transaction.atomic
def remove_membership(*, actor: User, membership: Membership) -> None:
    """For whoever may and has looked at what stays; the operator asks for no administrator."""
    # by a query, so that the event can still name the record
    Membership.objects.filter(pk=membership.pk).delete()
    forget_roles(membership.user)
    record_event(
        actor=actor,
        action="remove_membership",
        hospital=membership.hospital_id,
        obj=membership,
        details={"user": str(membership.user_id), "role": membership.role},
    )
