"""Fields of a patient."""

from functools import partial
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from clinic.forms.base import (
    HospitalChoice,
    ServiceForm,
    changed,
    date_field,
    optional,
    rule,
    seen_field,
)
from clinic.models import Patient, User
from clinic.services.patients import EDITABLE, check_birth_date, check_name, check_number
from clinic.services.seen import seen_of
from clinic.vocabulary import Sex, SkinType


def number_field() -> forms.CharField:
    return forms.CharField(
        label=_("Medical record number"),
        max_length=64,
        validators=[rule(check_number)],
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"}),
    )


def name_field(name: str, label: Any) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=100,
        validators=[rule(partial(check_name, field=name))],
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def birth_date_field() -> forms.DateField:
    return date_field(_("Birth date"), validators=[rule(check_birth_date)])


class PatientFields(ServiceForm):
    """What is asked of every patient. Limits and rules are the service's."""

    medical_record_number = number_field()
    family_name = name_field("family_name", _("Family name"))
    given_name = name_field("given_name", _("Given name"))
    birth_date = birth_date_field()
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

    def who_has_the_number(self, user: User, hospital_id: Any) -> Patient | None:
        """Where the number was refused: the patient who has it already."""
        if "medical_record_number" not in self.errors:
            return None
        number = self["medical_record_number"].value() or ""
        return patient_by_number(user, hospital_id, number)


class NewPatientForm(HospitalChoice, PatientFields):
    field_order = ["hospital", "medical_record_number"]

    def known_patient(self, user: User) -> Patient | None:
        hospital = self.cleaned_data.get("hospital") if self.is_bound else None
        return None if hospital is None else self.who_has_the_number(user, hospital.pk)


class PatientForm(PatientFields):
    seen = seen_field()

    @classmethod
    def of(cls, patient: Patient, data: Any = None) -> "PatientForm":
        values = {name: getattr(patient, name) for name in EDITABLE}
        return cls(data, initial=values | {"seen": seen_of(patient, EDITABLE)})

    def known_patient(self, user: User, patient: Patient) -> Patient | None:
        found = self.who_has_the_number(user, patient.hospital_id)
        return None if found == patient else found


def patient_by_number(user: User, hospital_id: Any, number: str) -> Patient | None:
    found = Patient.objects.visible_to(user).standing().select_related("hospital")
    return found.filter(hospital=hospital_id).numbered(number.strip()).first()
