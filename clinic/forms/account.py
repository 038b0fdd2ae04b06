"""Fields of the account page."""

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.forms.base import ServiceForm
from clinic.models import Scope
from clinic.services.tokens import DEFAULT_DAYS, MAXIMUM_DAYS


class TokenForm(ServiceForm):
    name = forms.CharField(
        label=_("Name"),
        max_length=100,
        help_text=_("What will use the token, such as “imaging archive”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("It may"), choices=Scope.choices, widget=forms.CheckboxSelectMultiple
    )
    days = forms.IntegerField(
        label=_("Valid for days"), initial=DEFAULT_DAYS, min_value=1, max_value=MAXIMUM_DAYS
    )
