"""Filters of the worklist and of the hospital report, read from the address."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.forms.base import DateInput, ServiceForm, optional
from clinic.models import Hospital, User
from clinic.permissions import roles_by_hospital
from diagnosis.interpretation import GROUP_NAMES, LABEL_NAMES

STATES = [
    ("open", _("Being read")),
    ("succeeded", _("Read")),
    ("failed", _("Failed")),
    ("cancelled", _("Cancelled")),
]
PERIODS = [("1", _("Today")), ("7", _("7 days")), ("30", _("30 days"))]
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
    state = forms.ChoiceField(label=_("State"), required=False, choices=optional(STATES, _("All")))
    period = forms.ChoiceField(
        label=_("Ordered within"), required=False, choices=optional(PERIODS, _("Any time"))
    )
    unreviewed = forms.BooleanField(label=_("Not signed yet"), required=False)
    field_order = ["state", "label", "hospital", "period", "unreviewed"]


class ReportFilter(Filter):
    """``from`` and ``to`` are set below: the first is no Python name."""

    reviewed = forms.ChoiceField(
        label=_("Review"), required=False, choices=optional(REVIEWED, _("All"))
    )
    field_order = ["from", "to", "label", "hospital", "reviewed"]

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data, user=user)
        invalid = {"invalid": _("Enter a date as year-month-day, such as 2026-01-31.")}
        for name, label in (("from", _("From")), ("to", _("To"))):
            self.fields[name] = forms.DateField(
                label=label, required=False, widget=DateInput(), error_messages=invalid
            )
        self.order_fields(self.field_order)
