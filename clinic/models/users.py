"""Users and their roles at hospitals."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils.translation import gettext_lazy as _

from clinic.models.base import Record
from clinic.models.hospitals import Hospital


class User(AbstractUser):
    """A person, or the service account of another system. Superusers operate the platform.

    Being a superuser opens the Django admin; it shows no clinical record: for that, a user needs
    a membership like everybody else.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    memberships: models.Manager["Membership"]

    class Meta(AbstractUser.Meta):
        verbose_name = _("user")
        verbose_name_plural = _("users")

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.username


class Role(models.TextChoices):
    DOCTOR = "doctor", _("Doctor")
    ADMINISTRATOR = "administrator", _("Administrator")
    # another system: records and orders like a doctor, but never signs
    INTEGRATION = "integration", _("Integration")


class Membership(Record):
    """A user's role at one hospital; a user may have several."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    hospital = models.ForeignKey(Hospital, models.PROTECT, related_name="memberships")
    role = models.CharField(_("role"), max_length=20, choices=Role.choices)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(
                fields=["user", "hospital", "role"], name="membership_is_unique"
            ),
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values), name="membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.get_role_display()}, {self.hospital})"
