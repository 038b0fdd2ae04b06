"""Why a record was entered in error."""

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.forms.base import ServiceForm
from clinic.models import ErrorReason


class ErrorForm(ServiceForm):
    reason = forms.ChoiceField(
        label=_("What is wrong"), choices=ErrorReason.choices, widget=forms.RadioSelect
    )
