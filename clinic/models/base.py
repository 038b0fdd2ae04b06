"""What every clinical record has."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class Record(models.Model):
    """A row with a random identifier and the time it was written.

    ``patient_path`` names the patient of a row in a query, ``called_by`` are the fields that the
    audit log calls it by; both empty where it has none.
    """

    patient_path: ClassVar[str] = ""
    called_by: ClassVar[tuple[str, ...]] = ()

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True, editable=False)

    class Meta:
        abstract = True
