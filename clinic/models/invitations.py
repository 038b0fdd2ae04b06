"""A one-time link with which somebody gets a role at a hospital."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clinic.models.base import Record
from clinic.models.hospitals import Hospital
from clinic.models.users import Role, User
from clinic.permissions import hospital_ids


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def visible_to(self, user) -> "InvitationQuerySet":
        return self.filter(hospital__in=hospital_ids(user, "administrator"))

    def open(self) -> "InvitationQuerySet":
        return self.filter(
            accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=timezone.now()
        )


class Invitation(Record):
    hospital = models.ForeignKey(Hospital, models.PROTECT, related_name="invitations")
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)
    # for whom it is meant, so that an administrator can tell open links apart
    name = models.CharField(_("name"), max_length=150)
    email = models.EmailField(_("e-mail"), blank=True)
    # SHA-256 of the secret in the link: it has 256 random bits
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    expires_at = models.DateTimeField(_("expires"))
    revoked_at = models.DateTimeField(_("revoked"), null=True, editable=False)
    accepted_at = models.DateTimeField(_("accepted"), null=True, editable=False)
    accepted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = InvitationQuerySet.as_manager()

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="invitation_role_is_known"
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at__isnull=True, accepted_by__isnull=True)
                | models.Q(accepted_at__isnull=False, accepted_by__isnull=False),
                name="invitation_accepted_has_user_and_time",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at__isnull=True) | models.Q(revoked_at__isnull=True),
                name="invitation_is_accepted_or_revoked",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}, {self.hospital}"

    @property
    def is_open(self) -> bool:
        done = self.accepted_at is not None or self.revoked_at is not None
        return not done and self.expires_at > timezone.now()
