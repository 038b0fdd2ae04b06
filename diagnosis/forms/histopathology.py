"""What a pathologist found."""

from functools import partial

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.forms.base import PastDateInput, ServiceForm, optional, rule
from clinic.services.fields import check_not_in_future
from diagnosis.interpretation import CHOICES


class HistopathologyForm(ServiceForm):
    diagnosis = forms.ChoiceField(
        label=_("Diagnosis"),
        choices=optional(list(CHOICES.items()), _("Choose …")),
        error_messages={"required": _("Choose what was found.")},
    )
    confirmed_by = forms.CharField(
        label=_("Confirmed by"),
        max_length=200,
        help_text=_("The pathologist or the laboratory."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": _("Say who confirmed it.")},
    )
    date = forms.DateField(
        label=_("Date of the finding"),
        validators=[rule(partial(check_not_in_future, field="date"))],
        widget=PastDateInput(),
        error_messages={
            "required": _("Enter the date of the finding."),
            "invalid": _("Enter a date as year-month-day, such as 1961-04-30."),
        },
    )
    notes = forms.CharField(
        label=_("Notes"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
