"""Orders for a reading: one transaction writes the row, the bell rings when it is committed."""

import logging
from typing import Any, BinaryIO

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clinic import origin
from clinic.errors import DomainError
from clinic.models import Hospital, Image, Lesion, Patient, User
from clinic.permissions import require_record
from clinic.services import images
from clinic.services.audit import record_event
from clinic.services.entered_in_error import lock_standing
from clinic.services.lesions import create_lesion
from clinic.services.patients import create_patient
from diagnosis.models import DiagnosisRequest, ModelVersion, Priority, Status
from diagnosis.models.requests import OPEN
from diagnosis.services.model_versions import active_model
from diagnosis.services.queue import ring_bell

logger = logging.getLogger(__name__)


@transaction.atomic
def request_diagnosis(
    *,
    actor: User,
    image: Image,
    model_version: ModelVersion | None = None,
    priority: int = Priority.INTERACTIVE,
) -> DiagnosisRequest:
    """Order a reading of the image, by the hospital's active model where none is given.

    Raises DomainError: ``permission_denied`` (403), ``entered_in_error`` (409), ``no_active_model``
    (409), ``request_open`` (409) where the same reading is already waited for.
    """
    hospital_id = image.hospital_id
    require_record(actor, hospital_id)
    lock_standing(image)
    model = model_version or active_model(hospital_id)
    if DiagnosisRequest.objects.filter(image=image, model_version=model, status__in=OPEN).exists():
        raise _already_open()
    request = DiagnosisRequest(
        image=image,
        hospital_id=hospital_id,
        model_version=model,
        requested_by=actor,
        priority=priority,
        trace_id=origin.request_id.get(),
    )
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError as error:
        raise _already_open() from error
    details = {"image": str(image.pk), "model_version": str(model.pk)}
    record_event(
        actor=actor,
        action="request_diagnosis",
        hospital=hospital_id,
        obj=request,
        details=details,
    )
    logger.info("request %s for image %s is queued", request.pk, image.pk)
    transaction.on_commit(ring_bell)
    return request


def upload_and_request(
    *,
    actor: User,
    lesion: Lesion,
    file: BinaryIO,
    name: str,
    model_version: ModelVersion | None = None,
    priority: int = Priority.INTERACTIVE,
    **image_fields: Any,
) -> DiagnosisRequest:
    """Take in a picture of a known lesion and order its reading; both or neither."""
    return record_and_request(
        actor=actor,
        hospital=lesion.patient.hospital,
        patient=lesion.patient,
        lesion=lesion,
        file=file,
        name=name,
        model_version=model_version,
        priority=priority,
        image_fields=image_fields,
    )


def record_and_request(
    *,
    actor: User,
    hospital: Hospital,
    file: BinaryIO,
    name: str,
    patient: Patient | None = None,
    patient_fields: dict[str, Any] | None = None,
    lesion: Lesion | None = None,
    lesion_fields: dict[str, Any] | None = None,
    image_fields: dict[str, Any] | None = None,
    model_version: ModelVersion | None = None,
    priority: int = Priority.INTERACTIVE,
) -> DiagnosisRequest:
    """The whole way of a new diagnosis: patient and lesion (found or new), picture, order.

    Everything is stored together or nothing is. Raises DomainError, ``not_found`` (404) where the
    lesion is not the patient's or the patient not the hospital's.
    """
    require_record(actor, hospital.pk)
    check_belonging(hospital, patient, lesion)
    picture = images.read_upload(file, name=name)
    image: Image | None = None
    try:
        with transaction.atomic():
            patient = patient or create_patient(
                actor=actor, hospital=hospital, **(patient_fields or {})
            )
            lesion = lesion or create_lesion(actor=actor, patient=patient, **(lesion_fields or {}))
            image = images.store_image(
                actor=actor, lesion=lesion, picture=picture, **(image_fields or {})
            )
            return request_diagnosis(
                actor=actor, image=image, model_version=model_version, priority=priority
            )
    except BaseException:
        if image is not None:
            images.remove_files(image)
        raise


@transaction.atomic
def cancel_request(*, actor: User, request: DiagnosisRequest) -> DiagnosisRequest:
    """Take back an order that no worker has begun. Raises DomainError ``not_waiting`` (409)."""
    require_record(actor, request.hospital_id)
    locked = DiagnosisRequest.objects.select_for_update().get(pk=request.pk)
    if locked.status != Status.QUEUED:
        message = _("The reading has begun or is done; it can no longer be cancelled.")
        raise DomainError("not_waiting", message, status=409)
    locked.status, locked.finished_at = Status.CANCELLED, timezone.now()
    locked.save(update_fields=["status", "finished_at"])
    record_event(actor=actor, action="cancel_request", hospital=locked.hospital_id, obj=locked)
    return locked


def check_belonging(hospital: Hospital, patient: Patient | None, lesion: Lesion | None) -> None:
    """A picture filed with the wrong person is worse than one that is refused."""
    elsewhere = patient is not None and patient.hospital_id != hospital.pk
    another_s = lesion is not None and (patient is None or lesion.patient_id != patient.pk)
    if elsewhere or another_s:
        raise DomainError("not_found", _("There is no such record."), status=404)


def _already_open() -> DomainError:
    message = _("This picture is already waiting to be read by this model.")
    return DomainError("request_open", message, status=409)
