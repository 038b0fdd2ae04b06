"""The one form of a new diagnosis: patient, lesion, picture."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clinic.errors import FieldError
from clinic.forms.base import HospitalChoice, changed, optional
from clinic.forms.lesions import PlaceFields
from clinic.forms.patients import birth_date_field, name_field, number_field, patient_by_number
from clinic.models import Lesion, Patient, User
from clinic.services.images import read_upload
from clinic.vocabulary import DermoscopicType, ImageType, Sex

PATIENT_FIELDS = ("medical_record_number", "given_name", "family_name", "birth_date", "sex")
LESION_FIELDS = ("anatom_site", "laterality", "label", "body_view", "body_x", "body_y")
IMAGE_FIELDS = ("image_type", "dermoscopic_type")
ACCEPT = ".jpg,.jpeg,.png,.webp,.tif,.tiff,.bmp,image/jpeg,image/png,image/webp,image/tiff"


class WhoseForm(HospitalChoice):
    """Patient and lesion, each found or new."""

    medical_record_number = number_field()
    family_name = name_field("family_name", gettext_lazy("Family name"))
    given_name = name_field("given_name", gettext_lazy("Given name"))
    birth_date = birth_date_field()
    sex = forms.ChoiceField(
        label=gettext_lazy("Sex"),
        choices=Sex.choices,
        initial=Sex.UNKNOWN,
        required=False,
        widget=forms.RadioSelect,
    )
    # empty for a new one
    lesion = forms.UUIDField(label=gettext_lazy("Lesion"), required=False, widget=forms.Select)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.user = user

    def find_patient(self) -> Patient | None:
        """The patient whose number was typed. Raises FieldError where another one is meant, or may
        be: whom the page did not show is shown first."""
        number = self.cleaned_data["medical_record_number"]
        patient = patient_by_number(self.user, self.cleaned_data["hospital"].pk, number)
        born = self.cleaned_data.get("birth_date")
        if patient and born and patient.birth_date and born != patient.birth_date:
            message = _(
                "This number belongs to a patient with another birth date. Check the number."
            )
            raise FieldError("other_birth_date", message, field="medical_record_number")
        if patient is None and "sex" not in self.data:
            self.refuse_marked(number)
        shown = self.data.get("known", "")
        if patient is not None and shown != str(patient.pk):
            message = _("This number is known. Look below whose it is, and send it again.")
            raise FieldError("patient_not_seen", message, field="medical_record_number")
        if patient is None and shown:
            message = _("No patient has this number. Look below, and send it again.")
            raise FieldError("patient_not_seen", message, field="medical_record_number")
        return patient

    def refuse_marked(self, number: str) -> None:
        """The page did not ask for a new patient's fields: it knew one, who was entered in error
        since. Somebody nameless with the same number would be recorded instead."""
        known = Patient.objects.visible_to(self.user).in_error(True)
        if known.filter(hospital=self.cleaned_data["hospital"]).numbered(number).exists():
            message = _("This was marked as entered in error. Nothing can be added to it.")
            raise FieldError("entered_in_error", message, field="medical_record_number", status=409)

    def find_lesion(self, patient: Patient | None) -> Lesion | None:
        """The lesion that was chosen. Raises FieldError where it is none of the patient's."""
        key = self.cleaned_data.get("lesion")
        if key is None:
            return None
        lesions = Lesion.objects.visible_to(self.user).standing().select_related("patient")
        found = lesions.filter(pk=key, patient=patient).first()
        if found is None:
            message = _("The chosen lesion is none of this patient's. Choose again.")
            raise FieldError("other_patients_lesion", message, field="lesion")
        return found

    def whose(self) -> dict[str, Any]:
        """The hospital, and the patient and lesion that were found or are to be recorded."""
        values = self.cleaned_data
        patient = self.find_patient()
        return {
            "actor": self.user,
            "hospital": values["hospital"],
            "patient": patient,
            "patient_fields": changed(values, PATIENT_FIELDS) | {"sex": values["sex"] or "unknown"},
            "lesion": self.find_lesion(patient),
        }


class NewDiagnosisForm(WhoseForm, PlaceFields):
    label = forms.CharField(label=gettext_lazy("Label"), required=False, max_length=100)
    image_type = forms.ChoiceField(
        label=gettext_lazy("Kind of picture"),
        choices=ImageType.choices,
        initial=ImageType.DERMOSCOPIC,
        widget=forms.RadioSelect,
    )
    dermoscopic_type = forms.ChoiceField(
        label=gettext_lazy("Dermoscopy"),
        required=False,
        choices=optional(DermoscopicType.choices, gettext_lazy("Not recorded")),
    )
    file = forms.FileField(
        label=gettext_lazy("Picture"),
        allow_empty_file=True,
        error_messages={"required": gettext_lazy("Choose the picture.")},
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.fields["label"].widget.attrs["autocomplete"] = "off"
        limit = settings.NEVUS_MAX_UPLOAD_BYTES
        self.fields["file"].widget.attrs |= {"accept": ACCEPT, "data-max-bytes": limit}

    def clean_file(self) -> UploadedFile:
        if len(self.files.getlist("file")) > 1:
            raise forms.ValidationError(_("Choose one picture; every picture is read by itself."))
        return self.cleaned_data["file"]

    def check_picture(self) -> None:
        """Of an order that was refused: say what is wrong with the picture, too."""
        file = self.files.get("file")
        if file is None or "file" in self.errors:
            return
        file.seek(0)
        try:
            read_upload(file, name=file.name)
        except FieldError as error:
            self.add_error("file", error.message)

    def order(self) -> dict[str, Any]:
        """What record_and_request takes. Raises DomainError."""
        values = self.cleaned_data
        return self.whose() | {
            "lesion_fields": changed(values, LESION_FIELDS),
            "image_fields": changed(values, IMAGE_FIELDS),
            "file": values["file"],
            "name": values["file"].name,
        }
