"""Filters of the worklist and of the hospital report, read from the address."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.forms.administration import StaffField
from clinic.forms.base import DateInput, ServiceForm, optional
from clinic.models import Hospital, Role, User
from clinic.periods import Period
from clinic.permissions import hospital_ids, roles_by_hospital
from diagnosis.interpretation import GROUP_NAMES, LABEL_NAMES, RISK_NAMES

STATES = [
    ("open", _("Being read")),
    ("succeeded", _("Read")),
    ("failed", _("Not answered")),
    ("cancelled", _("Cancelled")),
]
PERIODS = [("1", _("Today")), ("7", _("7 days")), ("30", _("30 days"))]
REVIEWS = [("signed", _("Signed")), ("all", _("All"))]
RISKS = optional([(risk.value, name) for risk, name in RISK_NAMES.items()], _("All"))
ORDERERS = [Role.DOCTOR.value, Role.INTEGRATION.value]
REVIEWED = [("yes", _("Signed")), ("no", _("Not signed"))]

# the classes of every kind of model
ANSWERS = list((LABEL_NAMES | GROUP_NAMES).items())


class Filter(ServiceForm):
    """Empty means everything. ``hospital`` is asked only where the user sees several."""

    hospital = forms.ModelChoiceField(
        label=_("Hospital"),
        queryset=Hospital.objects.none(),
        required=False,
        empty_label=_("All"),
    )
    label = forms.ChoiceField(
        label=_("Class"),
        required=False,
        choices=optional(ANSWERS, _("All")),
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
        self.fields["doctor"] = StaffField(
            hospital_ids(user), label=_("Ordered by"), roles=ORDERERS
        )
        self.order_fields(self.field_order)


class ReportFilter(Filter):
    """``from`` and ``to`` are set below: the first is no Python name."""

    risk = forms.ChoiceField(label=_("Risk"), required=False, choices=RISKS)
    reviewed = forms.ChoiceField(
        label=_("Review"), required=False, choices=optional(REVIEWED, _("All"))
    )
    field_order = ["from", "to", "label", "risk", "hospital", "reviewed"]

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data, user=user)
        self.user = user
        invalid = {"invalid": _("Enter a date as year-month-day, such as 2026-01-31.")}
        for name, label in (("from", _("From")), ("to", _("To"))):
            self.fields[name] = forms.DateField(
                label=label, required=False, widget=DateInput(), error_messages=invalid
            )
        self.order_fields(self.field_order)

    @property
    def period(self) -> Period:
        """Raises DomainError for one that ends before it begins."""
        values = self.values
        return Period(values.get("from"), values.get("to"))

    @property
    def query(self) -> str:
        """The filters as an address, for the files that hold the same rows."""
        return self.data.urlencode()

    @property
    def hospital_names(self) -> str:
        return ", ".join(hospital.name for hospital in Hospital.objects.visible_to(self.user))
