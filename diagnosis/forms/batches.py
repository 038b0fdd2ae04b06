"""The form of many pictures at once: whose they are, who reads them, and the files."""

import uuid
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clinic.errors import FieldError
from clinic.models import User
from clinic.vocabulary import ImageType
from diagnosis.forms.new_diagnosis import ACCEPT, WhoseForm
from diagnosis.models import ModelVersion
from diagnosis.services.batches import full_message


class ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """A list of uploads; what is in them is looked at one by one when they are stored."""

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        return data or []


class BatchForm(WhoseForm):
    image_type = forms.ChoiceField(
        label=gettext_lazy("Kind of picture"),
        choices=ImageType.choices,
        initial=ImageType.DERMOSCOPIC,
        widget=forms.RadioSelect,
    )
    model = forms.ModelChoiceField(
        label=gettext_lazy("Read by"),
        queryset=ModelVersion.objects.only("name", "version"),
        required=False,
        empty_label=gettext_lazy("The hospital's active model"),
    )
    # made with the page, so that a form that is sent twice begins one batch
    batch = forms.UUIDField(widget=forms.HiddenInput, required=False)
    files = ManyFilesField(
        label=gettext_lazy("Pictures"),
        required=False,
        widget=ManyFiles(attrs={"multiple": True, "accept": ACCEPT}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.fields["batch"].initial = uuid.uuid4
        self.fields["files"].widget.attrs["data-max-bytes"] = settings.NEVUS_MAX_UPLOAD_BYTES

    def begin(self) -> dict[str, Any]:
        """What create_batch takes. Raises DomainError."""
        values = self.cleaned_data
        return self.whose() | {
            "model_version": values["model"],
            "image_type": values["image_type"],
            "pk": values["batch"],
        }


def sent_files(files: Sequence[UploadedFile]) -> list[tuple[str, UploadedFile]]:
    """With their names. Raises FieldError where there are none or too many."""
    if not files:
        raise FieldError("required", _("Choose at least one picture."), field="files")
    if len(files) > settings.NEVUS_MAX_BATCH_FILES:
        raise FieldError("too_many_files", full_message(), field="files")
    return [(file.name or "", file) for file in files]
