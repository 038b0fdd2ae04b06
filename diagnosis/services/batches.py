"""Batches: many files of one patient, each taken in by itself, so that a bad one loses no other."""

import hashlib
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clinic import imaging
from clinic.errors import DomainError, FieldError
from clinic.models import Hospital, Image, Lesion, Patient, User
from clinic.permissions import get_visible, require_record
from clinic.services import images
from clinic.services.audit import record_event
from clinic.services.entered_in_error import lock_standing, require_standing
from clinic.services.lesions import create_lesion
from clinic.services.patients import create_patient
from clinic.vocabulary import ImageType
from diagnosis.failures import DUPLICATE, file_refusal_message
from diagnosis.models import Batch, BatchFile, DiagnosisRequest, ModelVersion, Priority
from diagnosis.models.batches import NAME_LENGTH
from diagnosis.services.model_versions import active_model
from diagnosis.services.requests import check_belonging, request_diagnosis

CHUNK = 1024 * 1024
# not the file's fault, or not to be told: the whole call fails
NOT_THE_FILE_S = ("permission_denied", "not_found", "batch_full", "idempotency_key_reused")


def create_batch(
    *, actor: User, hospital: Hospital, pk: uuid.UUID | None = None, **facts: Any
) -> Batch:
    """Begin a batch, without files yet. Without a lesion each picture gets one of its own.

    ``facts`` are what ``_begin`` takes. ``pk`` makes it repeatable: the user's batch of that
    identifier is given back as it is. Raises DomainError: ``permission_denied`` (403),
    ``not_found`` (404) where the lesion is not the patient's, ``entered_in_error`` (409),
    ``no_active_model`` (409) where none is given and none reads for the hospital.
    """
    require_record(actor, hospital.pk)
    if (begun := _begun(actor, pk)) is not None:
        return begun
    try:
        return _begin(actor, hospital, pk or uuid.uuid4(), **facts)
    except (DomainError, IntegrityError):
        # the same form, sent by another connection, may have begun it in this moment
        if (begun := _begun(actor, pk)) is not None:
            return begun
        raise


def _begun(actor: User, pk: uuid.UUID | None) -> Batch | None:
    """The batch of this identifier. Raises DomainError (404) where it is somebody else's."""
    if pk is None or not Batch.objects.filter(pk=pk).exists():
        return None
    return get_visible(Batch.objects.with_records(), actor, pk=pk, created_by=actor)


@transaction.atomic
def _begin(
    actor: User,
    hospital: Hospital,
    pk: uuid.UUID,
    *,
    patient: Patient | None = None,
    patient_fields: dict[str, Any] | None = None,
    lesion: Lesion | None = None,
    model_version: ModelVersion | None = None,
    image_type: str = ImageType.DERMOSCOPIC,
) -> Batch:
    check_belonging(hospital, patient, lesion)
    for record in (patient, lesion):
        if record is not None:
            lock_standing(record)
    model = model_version or active_model(hospital.pk)
    patient = patient or create_patient(actor=actor, hospital=hospital, **(patient_fields or {}))
    batch = Batch(
        pk=pk,
        patient=patient,
        hospital_id=patient.hospital_id,
        lesion=lesion,
        model_version=model,
        image_type=image_type or ImageType.DERMOSCOPIC,
        created_by=actor,
    )
    batch.save(force_insert=True)
    details = {"patient": str(patient.pk), "model_version": str(model.pk)}
    record_event(actor=actor, action="create_batch", hospital=hospital, obj=batch, details=details)
    return batch


def add_file(
    *,
    actor: User,
    batch: Batch,
    file: BinaryIO,
    name: str,
    key: str,
    instead: BatchFile | None = None,
) -> BatchFile:
    """Take in one file; what is wrong with it stands on the row that comes back.

    ``key`` is the client's for this file. The same key again, or the same bytes by another key, is
    the row that is there, which keeps the other names: a repetition never makes a second image.
    ``instead`` is a refused file of the batch, which goes as soon as this one is an image there.

    Raises DomainError: ``permission_denied`` (403), ``batch_full`` (409),
    ``idempotency_key_reused`` (409) where the key brought other bytes before, ``entered_in_error``
    (409) where the picture that is there was marked since, ``storage_unavailable`` (503).
    """
    require_record(actor, batch.patient.hospital_id)
    row = _take_in_or_refuse(actor, batch, file, name=name, key=key, instead=instead)
    if row.image_id is not None:
        _replace(actor, batch, instead)
    return row


def _take_in_or_refuse(
    actor: User, batch: Batch, file: BinaryIO, *, name: str, key: str, instead: BatchFile | None
) -> BatchFile:
    digest = digest_of(file)
    if (known := _known(batch, key, digest)) is not None:
        return _standing(known)
    try:
        return _take_in(actor, batch, file, name=name, key=key, digest=digest, instead=instead)
    except DomainError as error:
        if error.status >= 500 or error.code in NOT_THE_FILE_S:
            raise
        if error.code == DUPLICATE:
            return _name_too(batch.files.get(digest=digest, image__isnull=False), name)
        return _refuse(batch, error, name=name, key=key, digest=digest, instead=instead)


def add_files(
    *,
    actor: User,
    batch: Batch,
    files: Iterable[tuple[str, BinaryIO]],
    instead: BatchFile | None = None,
) -> None:
    """Take in the files of one request. Whatever is wrong with one stands on its row; a file that
    is there twice, and one that the storage did not take, are such as well. The first that is an
    image there comes in place of ``instead``, a refused file of the batch."""
    require_record(actor, batch.patient.hospital_id)
    for number, (name, file) in enumerate(files):
        digest = digest_of(file)
        key = f"{number}-{digest[:32]}"
        if _known(batch, key, digest) is not None:
            _replace(actor, batch, instead)
            continue
        try:
            _take_in(actor, batch, file, name=name, key=key, digest=digest, instead=instead)
            _replace(actor, batch, instead)
        except DomainError as error:
            if error.code in NOT_THE_FILE_S:
                raise
            _refuse(batch, error, name=name, key=key, digest=digest, instead=instead)


def repeat_file(*, actor: User, file: BatchFile) -> DiagnosisRequest:
    """Order another reading of a picture of the batch, by the batch's model."""
    require_record(actor, file.batch.patient.hospital_id)
    if file.image is None:
        message = _("There is no picture to read. Send the file again.")
        raise DomainError("no_image", message, status=409)
    return request_diagnosis(
        actor=actor,
        image=file.image,
        model_version=file.batch.model_version,
        priority=Priority.BULK,
    )


@transaction.atomic
def forget_file(*, actor: User, file: BatchFile) -> None:
    """Take a refused file off its batch, where no other is wanted in its place.

    Raises DomainError: ``permission_denied`` (403), ``entered_in_error`` (409), ``file_is_stored``
    (409) where it became an image, also meanwhile.
    """
    require_record(actor, file.batch.hospital_id)
    lock_standing(file.batch.holder)
    row = BatchFile.objects.select_for_update().filter(pk=file.pk).first()
    if row is None:
        return
    if row.image_id is not None:
        message = _("This file was stored. Only one that was refused can be taken off the list.")
        raise DomainError("file_is_stored", message, status=409)
    _forget(actor, file.batch, row)


def _forget(actor: User, batch: Batch, row: BatchFile) -> None:
    row.delete()
    record_event(
        actor=actor,
        action="forget_batch_file",
        hospital=batch.hospital_id,
        obj=batch,
        details={"code": row.error_code},
    )


@transaction.atomic
def _replace(actor: User, batch: Batch, instead: BatchFile | None) -> None:
    """Take off what another came for, if it is still there and no image meanwhile."""
    if instead is None:
        return
    refused = batch.files.select_for_update().filter(pk=instead.pk, image__isnull=True).first()
    if refused is not None:
        _forget(actor, batch, refused)


def digest_of(file: BinaryIO) -> str:
    """SHA-256 of the bytes as they were sent; the file is at its beginning again."""
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


def _known(batch: Batch, key: str, digest: str) -> BatchFile | None:
    """The row of a file that came before and became an image."""
    row = batch.files.filter(key=key, image__isnull=False).first()
    if row is not None and row.digest != digest:
        message = _("This idempotency key was used for another file.")
        raise DomainError("idempotency_key_reused", message, status=409)
    return row


def _standing(row: BatchFile) -> BatchFile:
    """Raises DomainError: nobody finds in the batch what is told to be there already."""
    if row.image is not None:
        require_standing(row.image)
    return row


@transaction.atomic
def _name_too(row: BatchFile, name: str) -> BatchFile:
    """Note that the same picture came under another name."""
    row = _standing(BatchFile.objects.select_for_update().get(pk=row.pk))
    name = clean_name(name)
    if name not in (row.name, *row.other_names):
        row.other_names.append(name)
        row.save(update_fields=["other_names"])
    return row


def _take_in(
    actor: User,
    batch: Batch,
    file: BinaryIO,
    *,
    name: str,
    key: str,
    digest: str,
    instead: BatchFile | None,
) -> BatchFile:
    """Lesion, image, order and row together or none; decoded before anything is locked."""
    picture = images.read_upload(file, name=name)
    image = None
    try:
        with transaction.atomic():
            # before the batch, as a mark goes
            lock_standing(batch.holder)
            # two connections may bring the same file at the same time: one of them waits here
            Batch.objects.select_for_update().get(pk=batch.pk)
            if (known := _known(batch, key, digest)) is not None:
                return known
            _check_new(batch, digest)
            _check_room(batch, key, instead)
            image = _keep(actor, batch, picture, name)
            return _write(batch, key, name=name, digest=digest, image=image)
    except BaseException:
        if image is not None:
            images.remove_files(image)
        raise


def _keep(actor: User, batch: Batch, picture: imaging.Picture, name: str) -> Image:
    lesion = batch.lesion
    if lesion is None:
        lesion = create_lesion(actor=actor, patient=batch.patient, label=label_of(name))
    image = images.store_image(
        actor=actor, lesion=lesion, picture=picture, image_type=batch.image_type
    )
    try:
        request_diagnosis(
            actor=actor, image=image, model_version=batch.model_version, priority=Priority.BULK
        )
    except BaseException:
        images.remove_files(image)
        raise
    return image


def label_of(name: str) -> str:
    """What a doctor knows a lesion by until it is placed: the name of its picture's file."""
    shown = "".join(letter for letter in Path(name).stem if letter.isprintable())
    return shown[: Lesion._meta.get_field("label").max_length]


def _check_new(batch: Batch, digest: str) -> None:
    if batch.files.filter(digest=digest, image__isnull=False).exists():
        message = file_refusal_message(DUPLICATE, {})
        raise FieldError(DUPLICATE, message, field="file", status=409)


def _check_room(batch: Batch, key: str, instead: BatchFile | None = None) -> None:
    if _is_full(batch, key, instead):
        raise DomainError("batch_full", full_message(), status=409)


def _is_full(batch: Batch, key: str, instead: BatchFile | None = None) -> bool:
    others = batch.files.exclude(key=key)
    if instead is not None:
        others = others.exclude(pk=instead.pk)
    return others.count() >= settings.NEVUS_MAX_BATCH_FILES


def full_message() -> str:
    most = settings.NEVUS_MAX_BATCH_FILES
    said = ngettext(
        "A batch holds %(most)d file. Begin another one.",
        "A batch holds %(most)d files. Begin another one.",
        most,
    )
    return said % {"most": most}


def _refuse(
    batch: Batch,
    error: DomainError,
    *,
    name: str,
    key: str,
    digest: str,
    instead: BatchFile | None,
) -> BatchFile:
    """The outcome of a file that became no image. Where the batch has no room for it beside the
    one in whose place it was sent, ``error`` itself is raised."""
    if (known := _known(batch, key, digest)) is not None:
        return known
    _check_room(batch, key, instead)
    if instead is not None and _is_full(batch, key):
        raise error
    why = {"error_code": error.code, "error_values": error.values}
    try:
        return _write(batch, key, name=name, digest=digest, **why)
    except IntegrityError:
        # the same file, sent at the same time by another connection, was written meanwhile
        return batch.files.get(key=key)


@transaction.atomic
def _write(batch: Batch, key: str, *, name: str, **columns: Any) -> BatchFile:
    """A refused file that is sent again has one row, with what became of it the last time."""
    cleared: dict[str, Any] = {
        "error_code": "",
        "error_values": {},
        "error_message": "",
        "image": None,
    }
    values = cleared | columns | {"name": clean_name(name)}
    return BatchFile.objects.update_or_create(batch=batch, key=key, defaults=values)[0]


def clean_name(name: str) -> str:
    """The last part of a path, without what cannot be shown."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(character for character in last if character.isprintable())
    return shown[:NAME_LENGTH] or _("without a name")
