"""Fields of a patient."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.forms.base import HospitalChoice, ServiceForm, changed, date_field, optional
from clinic.models import Patient
from clinic.services.patients import EDITABLE
from clinic.vocabulary import Sex, SkinType


def number_field() -> forms.CharField:
    return forms.CharField(
        label=_("Medical record number"),
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )


class PatientFields(ServiceForm):
    """What is asked of every patient. Limits and rules are the service's."""

    medical_record_number = number_field()
    family_name = forms.CharField(
        label=_("Family name"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    given_name = forms.CharField(
        label=_("Given name"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    birth_date = date_field(_("Birth date"))
    sex = forms.ChoiceField(
        label=_("Sex"), choices=Sex.choices, initial=Sex.UNKNOWN, widget=forms.RadioSelect
    )
    skin_type = forms.ChoiceField(
        label=_("Skin type (Fitzpatrick)"),
        required=False,
        choices=optional(SkinType.choices, _("Not recorded")),
    )
    personal_history_of_melanoma = forms.NullBooleanField(
        label=_("Had a melanoma before"), required=False
    )
    family_history_of_melanoma = forms.NullBooleanField(
        label=_("Melanoma in the family"), required=False
    )

    @property
    def values(self) -> dict[str, Any]:
        return changed(self.cleaned_data, EDITABLE)


class NewPatientForm(HospitalChoice, PatientFields):
    field_order = ["hospital", "medical_record_number"]


class PatientForm(PatientFields):
    @classmethod
    def of(cls, patient: Patient, data: Any = None) -> "PatientForm":
        return cls(data, initial={name: getattr(patient, name) for name in EDITABLE})
