"""Forms of an administrator: who works here, and what of the audit log is wanted."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from clinic.actions import OF_A_HOSPITAL
from clinic.forms.base import DateInput, ServiceForm, optional
from clinic.models import Hospital, Membership, Role, User
from clinic.services.audit_log import actors_at
from clinic.services.invitations import ROLES

ROLE_CHOICES = [(role.value, role.label) for role in ROLES]


class StaffField(forms.ChoiceField):
    """The key of one of those who have a role at the hospitals; read in one query, where Django's
    own field would open a cursor for it."""

    def __init__(self, hospitals: list[Any], *, label: Any, roles: list[str] | None = None) -> None:
        members = Membership.objects.filter(hospital__in=hospitals, role__in=roles or Role.values)
        staff = User.objects.filter(pk__in=members.values("user")).only(
            "first_name", "last_name", "username"
        )
        by_name = list(staff.order_by("last_name", "first_name", "username"))
        choices = [(str(user.pk), user.display_name) for user in by_name]
        super().__init__(label=label, required=False, choices=optional(choices, _("All")))


class ActorField(forms.ChoiceField):
    """The key of one of those who did something at the hospital, or may."""

    def __init__(self, hospital: Hospital) -> None:
        choices = [(str(user.pk), self.words_of(user)) for user in actors_at(hospital)]
        super().__init__(label=_("Who"), required=False, choices=optional(choices, _("All")))

    def words_of(self, user: Any) -> str:
        if user.works_here:
            return user.display_name
        return gettext("%(name)s (no role now)") % {"name": user.display_name}


class InviteForm(ServiceForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=150,
        help_text=_("Whom the link is for, so that you can tell open invitations apart."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(label=_("Role"), choices=ROLE_CHOICES, widget=forms.RadioSelect)
    email = forms.EmailField(label=_("E-mail"), required=False)


class RoleForm(ServiceForm):
    role = forms.ChoiceField(label=_("Role"), choices=ROLE_CHOICES)


class NewAccountForm(ServiceForm):
    username = forms.CharField(
        label=_("User name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )
    given_name = forms.CharField(label=_("Given name"), max_length=150)
    family_name = forms.CharField(
        label=_("Family name"), max_length=150, help_text=_("It stands beside what you sign.")
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        help_text=" ".join(map(str, password_validators_help_texts())),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("Password again"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        if self.cleaned_data.get("password") not in (None, self.cleaned_data["again"]):
            raise forms.ValidationError(_("The two passwords differ."))
        return self.cleaned_data["again"]


class AuditFilter(ServiceForm):
    """Of one hospital. ``from`` and ``to`` are set below: the first is no Python name."""

    action = forms.ChoiceField(label=_("What"), required=False, choices=optional([], _("All")))
    # read by clinic/services/audit_records.py
    object_id = forms.CharField(
        label=_("Record number or identifier"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    field_order = ["hospital", "from", "to", "actor", "action", "object_id"]

    def __init__(self, data: Any, *, hospital: Hospital, hospitals: list[Hospital]) -> None:
        super().__init__(data)
        if len(hospitals) > 1:
            self.fields["hospital"] = forms.ChoiceField(
                label=_("Hospital"),
                required=False,
                choices=[(str(entry.pk), entry.name) for entry in hospitals],
                initial=str(hospital.pk),
            )
        self.fields["actor"] = ActorField(hospital)
        words = sorted(OF_A_HOSPITAL.items(), key=lambda item: str(item[1]))
        self.fields["action"].choices = optional(words, _("All"))
        invalid = {"invalid": _("Enter a date as year-month-day, such as 2026-01-31.")}
        for name, label in (("from", _("From")), ("to", _("To"))):
            self.fields[name] = forms.DateField(
                label=label, required=False, widget=DateInput(), error_messages=invalid
            )
        self.order_fields(self.field_order)

    @property
    def values(self) -> dict[str, Any]:
        self.is_valid()
        return dict(self.cleaned_data)

    @property
    def is_narrow(self) -> bool:
        return any(value for name, value in self.values.items() if name != "hospital")
