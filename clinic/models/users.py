"""Users and their roles at hospitals."""

import uuid

from django.contrib.auth import models as auth
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from clinic.models.base import Record
from clinic.models.hospitals import Hospital


class UserManager(auth.UserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        """Who signs in with the name, in any case where exactly one has it. Raises DoesNotExist."""
        found = self.filter(username=username).first()
        if found is None and username:
            same = list(self.filter(username__iexact=username)[:2])
            found = same[0] if len(same) == 1 else None
        if found is None:
            raise self.model.DoesNotExist
        return found


class User(auth.AbstractUser):
    """A person, or the service account of another system. Superusers operate the platform.

    Being a superuser opens the Django admin; it shows no clinical record: for that, a user needs
    a membership like everybody else.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    memberships: models.Manager["Membership"]

    objects = UserManager()

    class Meta(auth.AbstractUser.Meta):
        verbose_name = _("user")
        verbose_name_plural = _("users")

    def clean(self) -> None:
        """A new name differs from every other by more than its case. Raises ValidationError."""
        super().clean()
        others = User.objects.exclude(pk=self.pk)
        kept = User.objects.filter(pk=self.pk, username=self.username)
        if others.filter(username__iexact=self.username).exists() and not kept.exists():
            raise ValidationError({"username": self.unique_error_message(User, ("username",))})

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
