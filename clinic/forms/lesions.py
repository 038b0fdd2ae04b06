"""Fields of a lesion."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.forms.base import ServiceForm, changed, date_field
from clinic.models import Lesion
from clinic.services.lesions import EDITABLE
from clinic.vocabulary import AnatomSite, Laterality


class PlaceFields(ServiceForm):
    """Where a lesion is, as tiles that take one tap."""

    anatom_site = forms.ChoiceField(
        label=_("Anatomical site"),
        required=False,
        choices=AnatomSite.choices,
        widget=forms.RadioSelect,
    )
    laterality = forms.ChoiceField(
        label=_("Side"), required=False, choices=Laterality.choices, widget=forms.RadioSelect
    )


class LesionForm(PlaceFields):
    label = forms.CharField(
        label=_("Label"),
        required=False,
        max_length=100,
        help_text=_("How you call it, such as “mole above the navel”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    diameter_mm = forms.DecimalField(
        label=_("Diameter (mm)"), required=False, max_digits=5, decimal_places=2
    )
    first_noticed = date_field(_("First noticed"))
    notes = forms.CharField(
        label=_("Notes"),
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    field_order = ["anatom_site", "laterality", "label"]

    @classmethod
    def of(cls, lesion: Lesion, data: Any = None) -> "LesionForm":
        return cls(data, initial={name: getattr(lesion, name) for name in cls.base_fields})

    @property
    def values(self) -> dict[str, Any]:
        return changed(self.cleaned_data, EDITABLE)
