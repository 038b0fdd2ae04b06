"""Why a file became no image: a code for machines, a sentence for people.

Who keeps a refusal keeps its code and its ``values``, never the sentence: that is said in the
language of who asks. Where a code has several sentences, ``case`` among the values says which.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy

from clinic.errors import FieldError

REFUSALS = {
    "empty_file": gettext_lazy("The file is empty."),
    "file_too_large": gettext_lazy("The file is larger than %(limit)d MB."),
    "not_an_image": gettext_lazy(
        "The file is not a picture. JPEG, PNG, WebP, TIFF and BMP are read."
    ),
    "not_an_image.heic": gettext_lazy(
        "The file is a HEIC picture, as phones take them. Save it as JPEG and send that."
    ),
    "not_an_image.dicom": gettext_lazy(
        "The file is a DICOM object. Export its picture as PNG and send that."
    ),
    "extension_mismatch": gettext_lazy(
        "The file is a %(format)s picture but its name ends in “%(extension)s”."
    ),
    "extension_mismatch.none": gettext_lazy(
        "The file is a %(format)s picture; its name has to end in one of: %(known)s."
    ),
    "too_many_pixels": gettext_lazy(
        "The picture has %(width)d x %(height)d pixels; at most %(limit)d million are read."
    ),
    "too_many_scans": gettext_lazy("The picture is stored in too many layers to be read."),
    "too_few_pixels": gettext_lazy(
        "The picture has only %(width)d x %(height)d pixels; "
        "at least %(least)d x %(least)d are needed."
    ),
    "damaged_image": gettext_lazy("The picture is damaged or incomplete and cannot be read."),
    "unknown_grey_range": gettext_lazy(
        "The picture's values are not those of a photograph; save it with 8 or 16 bits a pixel."
    ),
    "duplicate_image": gettext_lazy("This lesion already has the same picture."),
    "duplicate_image.in_error": gettext_lazy(
        "This lesion has the same picture, marked as entered in error. Reinstate that one."
    ),
    "entered_in_error": gettext_lazy(
        "This was marked as entered in error. Nothing can be added to it."
    ),
    "storage_unavailable": gettext_lazy(
        "The storage of pictures does not answer. Nothing was stored; try again."
    ),
}
# for a code that has no sentence here
NOT_TAKEN = gettext_lazy("The file was not taken in. Send it again.")


def refusal_message(code: str, values: Mapping[str, Any]) -> str:
    case = values.get("case")
    return str(REFUSALS.get(f"{code}.{case}" if case else code, NOT_TAKEN)) % values


def refused(code: str, *, status: int = 400, **values: Any) -> FieldError:
    """What is wrong with the file, to be raised."""
    message = refusal_message(code, values)
    return FieldError(code, message, field="file", status=status, values=values)
