"""Invitations: an administrator hands out a link that gives one person one role, once."""

import datetime
import hashlib
import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clinic.errors import DomainError, FieldError, from_validation_error
from clinic.models import Hospital, Invitation, Membership, Role, User
from clinic.permissions import require_administer
from clinic.services.audit import record_event
from clinic.services.staff import add_membership, create_user

VALID_DAYS = 7
# service accounts of other systems are made by the platform's operator
ROLES = (Role.DOCTOR, Role.ADMINISTRATOR)


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


@transaction.atomic
def invite(
    *, actor: User, hospital: Hospital, role: str, name: str, email: str = ""
) -> tuple[Invitation, str]:
    """A new invitation and the secret of its link, which is not kept. Raises DomainError."""
    require_administer(actor, hospital.pk)
    if role not in ROLES:
        known = ", ".join(ROLES)
        message = _("Choose a role of: %(known)s.") % {"known": known}
        raise FieldError("unknown_role", message, field="role")
    secret = secrets.token_urlsafe(32)
    invitation = Invitation(
        hospital=hospital,
        role=role,
        name=name.strip(),
        email=email.strip(),
        digest=digest_of(secret),
        invited_by=actor,
        expires_at=timezone.now() + datetime.timedelta(days=VALID_DAYS),
    )
    try:
        invitation.clean_fields(exclude=["hospital", "invited_by", "accepted_by"])
    except ValidationError as error:
        raise from_validation_error(error) from error
    invitation.save()
    record_event(
        actor=actor, action="invite", hospital=hospital, obj=invitation, details={"role": role}
    )
    return invitation, secret


def find_invitation(secret: str, *, lock: bool = False) -> Invitation:
    """The open invitation of a link. Raises ``invitation_unusable`` (404) for any other."""
    rows = Invitation.objects.select_related("hospital", "invited_by")
    if lock:
        rows = rows.select_for_update(of=("self",))
    invitation = rows.filter(digest=digest_of(secret)).first()
    if invitation is None or not invitation.is_open:
        message = _("This link was used already, has expired or was taken back. Ask for a new one.")
        raise DomainError("invitation_unusable", message, status=404)
    return invitation


@transaction.atomic
def accept_as_new(*, secret: str, **account: Any) -> User:
    """Make the account of the person who was invited and give the role. ``account`` is what
    ``create_user`` takes. Raises DomainError; the link can then be used again."""
    invitation = find_invitation(secret, lock=True)
    user = create_user(actor=None, **account)
    _accept(invitation, user)
    return user


def holds_role(invitation: Invitation, user: User) -> bool:
    """Whether the user has already what the link gives: then it is meant for somebody else."""
    where = {"hospital": invitation.hospital_id, "role": invitation.role}
    return Membership.objects.filter(user=user, **where).exists()


@transaction.atomic
def accept_as(*, secret: str, user: User) -> bool:
    """Give the role to somebody who has an account; False, with the link as it was, where they have
    it. Raises DomainError."""
    invitation = find_invitation(secret, lock=True)
    if holds_role(invitation, user):
        return False
    _accept(invitation, user)
    return True


def _accept(invitation: Invitation, user: User) -> None:
    hospital, role, invited_by = invitation.hospital, invitation.role, invitation.invited_by
    add_membership(actor=user, user=user, hospital=hospital, role=role, invited_by=invited_by)
    invitation.accepted_at, invitation.accepted_by = timezone.now(), user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    record_event(actor=user, action="accept_invitation", hospital=hospital, obj=invitation)


@transaction.atomic
def revoke_invitation(*, actor: User, invitation: Invitation) -> None:
    """The link stops working at once. Raises ``invitation_unusable`` (409) where it was used."""
    require_administer(actor, invitation.hospital_id)
    locked = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if locked.accepted_at is not None:
        message = _("The invitation was accepted already. End the person's access instead.")
        raise DomainError("invitation_accepted", message, status=409)
    if locked.revoked_at is None:
        locked.revoked_at = timezone.now()
        locked.save(update_fields=["revoked_at"])
        record_event(
            actor=actor, action="revoke_invitation", hospital=locked.hospital_id, obj=locked
        )
