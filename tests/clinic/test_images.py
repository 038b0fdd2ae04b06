"""Images: file and row together or neither, and never another's."""

import datetime
import io
from pathlib import Path
from unittest import mock

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from clinic import imaging
from clinic.errors import DomainError
from clinic.models import AuditEvent, Image
from clinic.pictures import StorageError
from clinic.services import images
from clinic.services.images import add_image, read_stored, read_upload, remove_files, store_image
from tests.factories import (
    HospitalFactory,
    ImageFactory,
    LesionFactory,
    administrator,
    doctor,
    integration,
    jpeg_bytes,
    png_bytes,
)
from tests.threads import needs_postgresql, together

pytestmark = pytest.mark.django_db


def upload(content: bytes | None = None) -> io.BytesIO:
    return io.BytesIO(jpeg_bytes() if content is None else content)


def picture(seed: int = 0) -> imaging.Picture:
    return imaging.take_in(jpeg_bytes(seed=seed), name="a.jpg", pixel_limit=10**6)


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_an_upload_becomes_a_row_and_two_files(media: Path) -> None:
    lesion = LesionFactory()
    actor = doctor(lesion.patient.hospital)
    image = add_image(
        actor=actor,
        lesion=lesion,
        file=upload(),
        name="Jane Roe.jpg",
        dermoscopic_type="contact polarized",
    )
    image.refresh_from_db()
    assert files(media) == sorted([image.file.name, image.thumbnail.name])
    assert read_stored(image) == picture().content
    assert (image.width, image.height, image.media_type) == (320, 240, "image/jpeg")
    assert image.byte_size == len(read_stored(image))
    assert image.quality["warnings"] == []
    assert image.uploaded_by == actor
    event = AuditEvent.objects.get()
    assert (event.action, event.object_id) == ("create_image", str(image.pk))


def test_the_name_of_the_file_is_random(media: Path) -> None:
    lesion = LesionFactory()
    actor = doctor(lesion.patient.hospital)
    for seed, name in enumerate(["Jane Roe.jpg", "../../escape.jpg", "Jane Roe.jpg"]):
        add_image(actor=actor, lesion=lesion, file=upload(jpeg_bytes(seed=seed)), name=name)
    names = files(media)
    assert len(names) == 6
    assert not any(word in name for name in names for word in ("Jane", "escape", ".."))


class Counting(io.BytesIO):
    """Knows how much was read of it."""

    def __init__(self, size: int) -> None:
        super().__init__(bytes(size))
        self.seen = 0

    def read(self, size: int | None = -1) -> bytes:
        found = super().read(size)
        self.seen += len(found)
        return found


def test_the_byte_limit_is_exact_and_stops_reading(settings) -> None:
    content = jpeg_bytes()
    settings.NEVUS_MAX_UPLOAD_BYTES = len(content)
    assert read_upload(upload(content), name="a.jpg").width == 320
    settings.NEVUS_MAX_UPLOAD_BYTES = len(content) - 1
    with pytest.raises(DomainError) as caught:
        read_upload(upload(content), name="a.jpg")
    assert (caught.value.code, caught.value.status) == ("file_too_large", 413)
    endless = Counting(50_000_000)
    with pytest.raises(DomainError):
        read_upload(endless, name="a.jpg")
    assert endless.seen <= len(content) + 1


def test_the_pixel_limit_is_the_setting(settings) -> None:
    settings.NEVUS_MAX_UPLOAD_PIXELS = 320 * 240 - 1
    with pytest.raises(DomainError) as caught:
        read_upload(upload(), name="a.jpg")
    assert caught.value.code == "too_many_pixels"


def test_a_lesion_has_a_picture_once(media: Path) -> None:
    lesion = LesionFactory()
    actor = doctor(lesion.patient.hospital)
    add_image(actor=actor, lesion=lesion, file=upload(), name="a.jpg")
    before = files(media)
    with pytest.raises(DomainError) as caught:
        # the same picture with a tail, which is dropped
        add_image(actor=actor, lesion=lesion, file=upload(jpeg_bytes() + b"tail"), name="b.jpg")
    assert (caught.value.code, caught.value.status) == ("duplicate_image", 409)
    assert files(media) == before
    other = LesionFactory(patient=lesion.patient)
    assert add_image(actor=actor, lesion=other, file=upload(), name="a.jpg").pk


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"image_type": "x-ray"}, "image_type"),
        ({"dermoscopic_type": "contact"}, "dermoscopic_type"),
        (
            {"image_type": "clinical: overview", "dermoscopic_type": "contact polarized"},
            "dermoscopic_type",
        ),
        ({"captured_at": timezone.now() + datetime.timedelta(days=2)}, "captured_at"),
        ({"captured_at": "noon"}, "captured_at"),
    ],
)
def test_wrong_fields_are_named_and_leave_nothing(
    fields: dict, field: str, own_folders: Path
) -> None:
    lesion = LesionFactory()
    with pytest.raises(DomainError) as caught:
        store_image(
            actor=doctor(lesion.patient.hospital), lesion=lesion, picture=picture(), **fields
        )
    assert list(caught.value.errors) == [field]
    assert not Image.objects.exists()
    assert files(own_folders) == []


def test_empty_texts_are_no_values() -> None:
    lesion = LesionFactory()
    image = store_image(
        actor=doctor(lesion.patient.hospital),
        lesion=lesion,
        picture=picture(),
        image_type="",
        dermoscopic_type="",
        captured_at="",
    )
    image.refresh_from_db()
    assert (image.image_type, image.dermoscopic_type) == ("dermoscopic", None)
    assert image.captured_at is None


def test_a_bad_file_leaves_nothing(own_folders: Path) -> None:
    lesion = LesionFactory()
    actor = doctor(lesion.patient.hospital)
    for content, name in [(b"", "a.jpg"), (b"text", "a.jpg"), (png_bytes(), "a.jpg")]:
        with pytest.raises(DomainError):
            add_image(actor=actor, lesion=lesion, file=upload(content), name=name)
    assert files(own_folders) == []
    assert not Image.objects.exists()
    assert not AuditEvent.objects.exists()


def failing_event(**_facts: object) -> None:
    raise RuntimeError("no event")


def test_nothing_is_left_where_the_event_fails(own_folders: Path) -> None:
    lesion = LesionFactory()
    actor = doctor(lesion.patient.hospital)
    with (
        mock.patch.object(images, "record_event", failing_event),
        pytest.raises(RuntimeError, match="no event"),
    ):
        store_image(actor=actor, lesion=lesion, picture=picture())
    assert files(own_folders) == []
    assert not Image.objects.exists()


def test_nothing_is_left_where_the_storage_fails(media: Path) -> None:
    media.mkdir()
    (media / "thumbnails").write_text("in the way of the folder")
    lesion = LesionFactory()
    with pytest.raises(StorageError) as caught:
        store_image(actor=doctor(lesion.patient.hospital), lesion=lesion, picture=picture())
    assert (caught.value.status, caught.value.reason) == (503, "MEDIA_ROOT is not a folder")
    assert files(media) == ["thumbnails"]
    assert not Image.objects.exists()


def test_nothing_is_left_where_somebody_was_quicker(media: Path) -> None:
    """The same picture was stored between the check and the write."""
    lesion = LesionFactory()
    actor = doctor(lesion.patient.hospital)
    store_image(actor=actor, lesion=lesion, picture=picture())
    before = files(media)
    with mock.patch.object(images, "_check"), pytest.raises(DomainError) as caught:
        store_image(actor=actor, lesion=lesion, picture=picture())
    assert caught.value.code == "duplicate_image"
    assert files(media) == before
    assert Image.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_several_who_store_the_same_picture_one_succeeds(media: Path) -> None:
    needs_postgresql()
    lesion = LesionFactory()
    actors = [doctor(lesion.patient.hospital) for _ in range(4)]
    same = picture()
    outcomes = together(
        *(
            lambda actor=actor: store_image(actor=actor, lesion=lesion, picture=same)
            for actor in actors
        )
    )
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert [error.code for error in errors] == ["duplicate_image"] * 3
    assert len(files(media)) == 2
    assert Image.objects.count() == 1


def test_who_may_store() -> None:
    lesion = LesionFactory()
    home = lesion.patient.hospital
    for seed, actor in enumerate([doctor(home), integration(home)]):
        assert store_image(actor=actor, lesion=lesion, picture=picture(seed)).pk
    for actor in (administrator(home), doctor(HospitalFactory()), doctor(home, is_active=False)):
        # who may not is told before the file is looked at
        for call in (
            lambda actor=actor: store_image(actor=actor, lesion=lesion, picture=picture(9)),
            lambda actor=actor: add_image(
                actor=actor, lesion=lesion, file=upload(b"text"), name="a.jpg"
            ),
        ):
            with pytest.raises(DomainError) as caught:
                call()
            assert caught.value.code == "permission_denied"


def test_a_picture_that_was_altered_is_not_given_out(media: Path) -> None:
    image = ImageFactory()
    path = media / image.file.name
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    with pytest.raises(DomainError) as caught:
        read_stored(image)
    assert (caught.value.code, caught.value.status) == ("image_altered", 409)


def test_a_picture_that_is_gone_is_told(media: Path) -> None:
    image = ImageFactory()
    (media / image.file.name).unlink()
    with pytest.raises(DomainError) as caught:
        read_stored(image)
    assert (caught.value.code, caught.value.status) == ("image_missing", 503)


def test_files_can_be_taken_away_twice(media: Path) -> None:
    image = ImageFactory()
    for _ in range(2):
        remove_files(image)
        assert files(media) == []
    assert not default_storage.exists(image.file.name)
