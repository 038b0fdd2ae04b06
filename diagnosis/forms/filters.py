"""Filters of the worklist and of the hospital report, read from the address."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.forms.base import DateInput, ServiceForm, optional
from clinic.models import Hospital, Membership, Role, User
from clinic.permissions import hospital_ids, roles_by_hospital
from diagnosis.interpretation import LABEL_NAMES, RISK_NAMES

STATES = [
    ("open", _("Being read")),
    ("succeeded", _("Read")),
    ("failed", _("Failed")),
    ("cancelled", _("Cancelled")),
]
PERIODS = [("1", _("Today")), ("7", _("7 days")), ("30", _("30 days"))]
REVIEWS = [("signed", _("Signed")), ("all", _("All"))]
RISKS = optional([(risk.value, name) for risk, name in RISK_NAMES.items()], _("All"))
ORDERERS = (Role.DOCTOR, Role.INTEGRATION)
REVIEWED = [("yes", _("Signed")), ("no", _("Not signed"))]


class Filter(ServiceForm):
    """Empty means everything. ``hospital`` is asked only where the user sees several."""

    hospital = forms.ModelChoiceField(
        label=_("Hospital"),
        queryset=Hospital.objects.none(),
        required=False,
        empty_label=_("All"),
    )
    label = forms.ChoiceField(
        label=_("Class"), required=False, choices=optional(list(LABEL_NAMES.items()), _("All"))
    )

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data)
        if len(roles_by_hospital(user)) > 1:
            self.fields["hospital"].queryset = Hospital.objects.visible_to(user)
        else:
            del self.fields["hospital"]

    @property
    def values(self) -> dict[str, Any]:
        """What was understood; a filter that makes no sense filters nothing and says so."""
        self.is_valid()
        return {"hospital": None} | self.cleaned_data

    @property
    def is_narrow(self) -> bool:
        return any(self.values.values())


class WorklistFilter(Filter):
    review = forms.ChoiceField(
        label=_("Review"), required=False, choices=optional(REVIEWS, _("Waits for review"))
    )
    state = forms.ChoiceField(label=_("State"), required=False, choices=optional(STATES, _("All")))
    risk = forms.ChoiceField(label=_("Risk"), required=False, choices=RISKS)
    period = forms.ChoiceField(
        label=_("Ordered within"), required=False, choices=optional(PERIODS, _("Any time"))
    )
    overdue = forms.BooleanField(label=_("Overdue only"), required=False)
    field_order = ["review", "state", "risk", "label", "hospital", "doctor", "period", "overdue"]

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data, user=user)
        self.fields["doctor"] = StaffField(hospital_ids(user), label=_("Ordered by"))
        self.order_fields(self.field_order)


class StaffField(forms.ModelChoiceField):
    """One of those who record at the hospitals."""

    def __init__(self, hospitals: list[Any], *, label: Any, roles: tuple[str, ...] = ORDERERS):
        members = Membership.objects.filter(hospital__in=hospitals, role__in=roles)
        staff = User.objects.filter(pk__in=members.values("user"))
        super().__init__(
            staff.order_by("last_name", "first_name", "username"),
            label=label,
            required=False,
            empty_label=_("All"),
        )

    def label_from_instance(self, obj: User) -> str:
        return obj.display_name


class ReportFilter(Filter):
    """``from`` and ``to`` are set below: the first is no Python name."""

    risk = forms.ChoiceField(label=_("Risk"), required=False, choices=RISKS)
    reviewed = forms.ChoiceField(
        label=_("Review"), required=False, choices=optional(REVIEWED, _("All"))
    )
    field_order = ["from", "to", "label", "risk", "hospital", "reviewed"]

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data, user=user)
        invalid = {"invalid": _("Enter a date as year-month-day, such as 2026-01-31.")}
        for name, label in (("from", _("From")), ("to", _("To"))):
            self.fields[name] = forms.DateField(
                label=label, required=False, widget=DateInput(), error_messages=invalid
            )
        self.order_fields(self.field_order)
