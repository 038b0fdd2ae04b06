"""Images: taken in, kept, and given back to who may see them."""

import datetime
import hashlib
import logging
import uuid
from decimal import Decimal
from typing import Any, BinaryIO

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clinic import imaging, pictures
from clinic.errors import DomainError, FieldError, from_validation_error
from clinic.metrics import UPLOADS, counting_refusals
from clinic.models import Image, Lesion, User
from clinic.permissions import require_record
from clinic.refusals import refused
from clinic.services.audit import record_event
from clinic.services.entered_in_error import lock_standing
from clinic.services.fields import check_not_before_birth
from clinic.vocabulary import ImageType

# a camera's clock may be a little ahead of the server's
CLOCK_TOLERANCE = datetime.timedelta(days=1)

logger = logging.getLogger(__name__)


@counting_refusals()
def read_upload(file: BinaryIO, *, name: str) -> imaging.Picture:
    """Check and decode an upload without storing anything.

    Raises FieldError on ``file`` (400, or 413 over the byte limit). Not in a transaction: decoding
    a large photograph takes longer than a lock should be held.
    """
    limit = settings.NEVUS_MAX_UPLOAD_BYTES
    content = file.read(limit + 1)
    if len(content) > limit:
        raise refused("file_too_large", status=413, limit=limit // 1024**2)
    return imaging.take_in(content, name=name, pixel_limit=settings.NEVUS_MAX_UPLOAD_PIXELS)


@counting_refusals()
def store_image(
    *,
    actor: User,
    lesion: Lesion,
    picture: imaging.Picture,
    image_type: str = ImageType.DERMOSCOPIC,
    dermoscopic_type: str | None = None,
    captured_at: datetime.datetime | None = None,
    diameter_mm: Decimal | None = None,
) -> Image:
    """Keep a picture as an image of the lesion, file and row together or neither.

    Raises DomainError, ``entered_in_error`` (409), ``duplicate_image`` (409) where the lesion has
    the same picture already, ``storage_unavailable`` (503) where the storage does not take it.
    """
    require_record(actor, lesion.hospital_id)
    image = Image(
        lesion=lesion,
        hospital_id=lesion.hospital_id,
        image_type=image_type or ImageType.DERMOSCOPIC,
        dermoscopic_type=dermoscopic_type or None,
        captured_at=captured_at or None,
        diameter_mm=diameter_mm,
        uploaded_by=actor,
        **_facts(picture),
    )
    stored: list[str] = []
    try:
        with transaction.atomic():
            lock_standing(lesion)
            _check(image)
            _put_files(image, picture, stored)
            image.save(force_insert=True)
            record_event(actor=actor, action="create_image", hospital=lesion.hospital_id, obj=image)
            transaction.on_commit(lambda: _note_accepted(image))
    except IntegrityError as error:
        _remove(stored)
        raise _duplicate(None) from error
    except BaseException:
        _remove(stored)
        raise
    return image


def add_image(*, actor: User, lesion: Lesion, file: BinaryIO, name: str, **fields: Any) -> Image:
    """Take in an upload and keep it as an image of the lesion."""
    require_record(actor, lesion.hospital_id)
    picture = read_upload(file, name=name)
    return store_image(actor=actor, lesion=lesion, picture=picture, **fields)


@transaction.atomic
def measure_image(*, actor: User, image: Image, diameter_mm: Decimal | None) -> Image:
    """Note the lesion's largest diameter (mm) on this picture; None takes it away again."""
    hospital = image.hospital_id
    require_record(actor, hospital)
    image = lock_standing(image)
    image.diameter_mm = diameter_mm
    _check_fields(image)
    image.save(update_fields=["diameter_mm"])
    size = None if diameter_mm is None else str(diameter_mm)
    record_event(
        actor=actor,
        action="measure_image",
        hospital=hospital,
        obj=image,
        details={"diameter_mm": size},
    )
    return image


def remove_files(image: Image) -> None:
    """Take away the files of an image whose row was rolled back by the caller's transaction."""
    _remove([str(image.file), str(image.thumbnail)])


def read_stored(image: Image) -> bytes:
    """The bytes of the stored picture. Raises DomainError where they are gone or altered."""
    try:
        content = pictures.fetch(str(image.file))
    except FileNotFoundError as error:
        raise _missing() from error
    if hashlib.sha256(content).hexdigest() != image.sha256:
        message = _("The stored picture was altered and is not shown.")
        raise DomainError("image_altered", message, status=409)
    return content


def read_thumbnail(image: Image) -> bytes:
    """The bytes of the small JPEG. Raises DomainError where it is gone."""
    try:
        return pictures.fetch(str(image.thumbnail))
    except FileNotFoundError as error:
        raise _missing() from error


def picture_address(image: Image) -> str | None:
    """Where a bucket shows the picture for a short while; None where we have to read it.

    Raises DomainError where it is gone or the storage does not answer.
    """
    try:
        return pictures.signed_address(str(image.file), sha256=image.sha256)
    except FileNotFoundError as error:
        raise _missing() from error


def thumbnail_address(image: Image) -> str | None:
    """The same for the small JPEG."""
    return pictures.signed_address(str(image.thumbnail))


def _missing() -> DomainError:
    message = _("The picture is missing from the storage.")
    return DomainError("image_missing", message, status=503)


def _note_accepted(image: Image) -> None:
    UPLOADS.labels("accepted").inc()
    logger.info("image %s stored", image.pk)


def _facts(picture: imaging.Picture) -> dict[str, Any]:
    return {
        "media_type": picture.media_type,
        "byte_size": len(picture.content),
        "width": picture.width,
        "height": picture.height,
        "sha256": picture.sha256,
        "quality": picture.quality.as_dict(),
    }


def _check(image: Image) -> None:
    if image.dermoscopic_type and image.image_type != ImageType.DERMOSCOPIC:
        message = _("Only a dermoscopic image has a dermoscopy type.")
        raise FieldError("dermoscopic_type_without_dermoscopy", message, field="dermoscopic_type")
    _check_fields(image)
    if image.captured_at is not None:
        check_captured(image.captured_at)
        latest = (image.captured_at + CLOCK_TOLERANCE).date()
        check_not_before_birth(latest, patient=image.lesion.patient, field="captured_at")
    same = Image.objects.filter(lesion=image.lesion, sha256=image.sha256).first()
    if same is not None:
        raise _duplicate(same)


def _check_fields(image: Image) -> None:
    try:
        image.clean_fields(exclude=["lesion", "hospital", "uploaded_by", "file", "thumbnail"])
    except ValidationError as error:
        raise from_validation_error(error) from error
    if image.diameter_mm is not None:
        check_diameter(image.diameter_mm)


def check_captured(moment: datetime.datetime) -> None:
    """Raises FieldError: ``captured_in_future``."""
    if moment > timezone.now() + CLOCK_TOLERANCE:
        message = _("The time of capture lies in the future.")
        raise FieldError("captured_in_future", message, field="captured_at")


def check_diameter(diameter_mm: Decimal) -> None:
    """Raises FieldError: ``diameter_not_positive``."""
    if diameter_mm <= 0:
        message = _("A diameter is more than 0 mm.")
        raise FieldError("diameter_not_positive", message, field="diameter_mm")


def _put_files(image: Image, picture: imaging.Picture, stored: list[str]) -> None:
    """Random keys, spread over folders: a million files in one folder are slow to list."""
    key = uuid.uuid4().hex
    extension = imaging.EXTENSIONS[picture.media_type]
    image.file.name = pictures.put(f"images/{key[:2]}/{key}{extension}", picture.content)
    stored.append(image.file.name)
    image.thumbnail.name = pictures.put(f"thumbnails/{key[:2]}/{key}.jpg", picture.thumbnail)
    stored.append(image.thumbnail.name)


def _remove(names: list[str]) -> None:
    for name in names:
        pictures.remove(name)


def _duplicate(same: Image | None) -> DomainError:
    if same is not None and not same.is_standing:
        return refused("duplicate_image", status=409, case="in_error")
    return refused("duplicate_image", status=409)
