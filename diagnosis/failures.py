"""Why a request was not answered, and why a file of a batch became no image: a code for machines, a
sentence for people."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy

from clinic.refusals import refusal_message

FAILURE_MESSAGES = {
    "image_missing": gettext_lazy("The stored picture could not be opened. Order a new reading."),
    "image_altered": gettext_lazy(
        "The stored picture was altered after the upload; it is not read."
    ),
    "image_unreadable": gettext_lazy("The stored picture could not be decoded."),
    "model_unavailable": gettext_lazy(
        "The model could not be loaded. The platform's operator has to look at the worker."
    ),
    "prediction_error": gettext_lazy("The model failed on this picture. Order a new reading."),
    "worker_lost": gettext_lazy(
        "The worker stopped three times while reading this picture. Order a new reading."
    ),
    "not_a_lesion": gettext_lazy(
        "The picture does not look like a skin lesion seen through a dermatoscope, so the model "
        "gave no answer. Check that it is the right picture, take it again with the lesion in "
        "focus and in the middle, or ask a dermatologist."
    ),
}

# what ends a request as rejected, not failed: the worker did its work, the picture is not for it
REFUSALS = {"not_a_lesion"}


def failure_message(code: str) -> str:
    return str(FAILURE_MESSAGES.get(code, FAILURE_MESSAGES["prediction_error"]))


DUPLICATE = "duplicate_in_batch"
SAME_FILE = gettext_lazy("The same file is in this batch already.")


def file_refusal_message(code: str, values: Mapping[str, Any]) -> str:
    """Of a file by itself, or among the others of its batch."""
    return str(SAME_FILE) if code == DUPLICATE else refusal_message(code, values)


PICTURE_GONE = gettext_lazy(
    "Where the model looked could not be drawn: the stored picture could not be read."
)
HEAT_MAP_FAILURES = {
    "image_missing": PICTURE_GONE,
    "image_altered": PICTURE_GONE,
    "image_unreadable": PICTURE_GONE,
    "model_unavailable": gettext_lazy(
        "Where the model looked could not be drawn: the model that gave the answer is not there."
    ),
    "prediction_error": gettext_lazy(
        "Where the model looked could not be drawn. The answer stands without it."
    ),
}


def heat_map_failure_message(code: str) -> str:
    return str(HEAT_MAP_FAILURES.get(code, HEAT_MAP_FAILURES["prediction_error"]))
