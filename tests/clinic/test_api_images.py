"""Pictures through the API: uploaded, refused, given back."""

import io
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image as Pillow

from clinic.models import AuditEvent, Image
from tests.api_client import API, assert_problem, client, count_queries, stored
from tests.factories import (
    DiagnosisRequestFactory,
    HospitalFactory,
    ImageFactory,
    LesionFactory,
    ModelPolicyFactory,
    doctor,
    draw_lesion,
    image_bytes,
    jpeg_bytes,
    png_bytes,
)

pytestmark = pytest.mark.django_db
IMAGES = f"{API}/images/"


@pytest.fixture
def lesion():
    hospital = HospitalFactory()
    ModelPolicyFactory(hospital=hospital)
    return LesionFactory(patient__hospital=hospital)


@pytest.fixture
def api(lesion):
    return client(doctor(lesion.patient.hospital))


def upload(api, to, content: bytes, name: str = "photo.jpg", path: str = IMAGES, **more: Any):
    fields = {"lesion": str(to.pk), "file": SimpleUploadedFile(name, content)} | more
    return api.post(path, fields, format="multipart")


def test_a_size_that_cannot_be_stores_nothing(api, lesion) -> None:
    for size in ("0", "-2"):
        refused = upload(api, lesion, jpeg_bytes(), diameter_mm=size)
        assert_problem(refused, 400, "diameter_not_positive", "diameter_mm")
    assert upload(api, lesion, jpeg_bytes(), diameter_mm="wide").status_code == 400
    assert Image.objects.count() == 0


def test_a_picture_is_kept_and_given_back(api, lesion) -> None:
    response = upload(
        api,
        lesion,
        jpeg_bytes(),
        dermoscopic_type="contact polarized",
        captured_at="2026-01-02T03:04:05+01:00",
        diameter_mm="4.5",
    )
    body = response.json()
    assert response.status_code == 201
    assert body["diameter_mm"] == 4.5
    assert (body["width"], body["height"], body["media_type"]) == (320, 240, "image/jpeg")
    assert (body["image_type"], body["dermoscopic_type"]) == ("dermoscopic", "contact polarized")
    assert body["captured_at"] == "2026-01-02T02:04:05Z"
    assert body["lesion"] == str(lesion.pk)
    assert set(body["quality"]) >= {"score", "blur", "exposure", "warnings"}
    assert api.get(response["Location"]).json() == body
    picture = api.get(body["file"])
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/jpeg")
    assert picture["Cache-Control"] == "private, no-cache"
    assert picture["ETag"] == f'"{body["sha256"]}"'
    assert Pillow.open(io.BytesIO(picture.content)).size == (320, 240)
    assert api.get(body["file"], HTTP_IF_NONE_MATCH=picture["ETag"]).status_code == 304
    assert api.get(body["file"], HTTP_IF_NONE_MATCH='"other"').status_code == 200
    thumbnail = api.get(body["thumbnail"], HTTP_ACCEPT="image/*")
    assert (thumbnail.status_code, thumbnail["Content-Type"]) == (200, "image/jpeg")
    assert thumbnail["ETag"] != picture["ETag"]


def test_each_look_at_a_picture_is_noted(api, lesion) -> None:
    image = ImageFactory(lesion=lesion)
    tag = api.get(f"{IMAGES}{image.pk}/file/")["ETag"]
    api.get(f"{IMAGES}{image.pk}/thumbnail/")
    api.get(f"{IMAGES}{image.pk}/file/", HTTP_IF_NONE_MATCH=tag)
    events = AuditEvent.objects.filter(action="view_image", object_id=str(image.pk))
    assert [event.details["part"] for event in events.order_by("id")] == ["file", "thumbnail"]


def test_an_altered_picture_is_not_shown(api, lesion, media) -> None:
    image = ImageFactory(lesion=lesion)
    path = media / image.file.name
    path.write_bytes(path.read_bytes()[:-2] + b"xx")
    assert_problem(api.get(f"{IMAGES}{image.pk}/file/"), 409, "image_altered")


@pytest.mark.parametrize("kind", ["file", "thumbnail"])
def test_a_missing_picture_may_come_back(api, lesion, media, kind: str) -> None:
    image = ImageFactory(lesion=lesion)
    (media / getattr(image, kind).name).unlink()
    response = api.get(f"{IMAGES}{image.pk}/{kind}/")
    assert_problem(response, 503, "image_missing")
    assert response["Retry-After"]


def bomb() -> bytes:
    """The header of a picture of 20,000 x 20,000 pixels, and few bytes."""
    return image_bytes(Pillow.new("1", (20_000, 20_000)), "PNG")


BAD_FILES = {
    "not an image": (b"%PDF-1.7 not a picture", "a.jpg", 400, "not_an_image"),
    "zero bytes": (b"", "a.jpg", 400, "empty_file"),
    "truncated": (jpeg_bytes()[:3000], "a.jpg", 400, "damaged_image"),
    "renamed": (png_bytes(), "a.jpg", 400, "extension_mismatch"),
    "no extension": (jpeg_bytes(), "photo", 400, "extension_mismatch"),
    "too many pixels": (bomb(), "a.png", 400, "too_many_pixels"),
    "too few pixels": (jpeg_bytes((8, 8)), "a.jpg", 400, "too_few_pixels"),
    "too many bytes": (b"\xff\xd8\xff" + bytes(300_000), "a.jpg", 413, "file_too_large"),
}


@pytest.mark.parametrize("path", ["images", "diagnoses"])
@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_file_is_refused_and_nothing_kept(
    api, lesion, media, settings, what: str, path: str
) -> None:
    settings.NEVUS_MAX_UPLOAD_BYTES = 200_000
    content, name, status, code = BAD_FILES[what]
    before = stored(media)
    response = upload(api, lesion, content, name, path=f"{API}/{path}/")
    assert_problem(response, status, code, "file")
    assert stored(media) == before


def test_a_body_far_over_the_limit_is_refused_unread(api, lesion, media, settings) -> None:
    settings.NEVUS_MAX_UPLOAD_BYTES = 200_000
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000
    before = stored(media)
    response = upload(api, lesion, bytes(300_000))
    assert_problem(response, 413, "file_too_large", "file")
    assert stored(media) == before


@pytest.mark.parametrize("path", ["images", "diagnoses"])
def test_a_form_without_a_file_is_refused(api, lesion, path: str) -> None:
    response = api.post(f"{API}/{path}/", {"lesion": str(lesion.pk)}, format="multipart")
    assert_problem(response, 400, "invalid", "file")


@pytest.mark.parametrize("path", ["images", "diagnoses"])
def test_two_files_at_once_are_refused_and_nothing_kept(api, lesion, media, path: str) -> None:
    before = stored(media)
    files = [SimpleUploadedFile(f"{seed}.jpg", jpeg_bytes(seed=seed)) for seed in (1, 2)]
    fields = {"lesion": str(lesion.pk), "file": files}
    response = api.post(f"{API}/{path}/", fields, format="multipart")
    assert_problem(response, 400, "several_files", "file")
    assert stored(media) == before


def test_a_file_that_is_a_text_field_is_refused(api, lesion) -> None:
    fields = {"lesion": str(lesion.pk), "file": "photo.jpg"}
    assert_problem(api.post(IMAGES, fields, format="multipart"), 400, "invalid", "file")


def test_an_upload_as_json_is_another_type(api, lesion) -> None:
    assert_problem(api.post(IMAGES, {}, format="json"), 415, "unsupported_media_type")


BAD_FIELDS: list[tuple[dict[str, Any], int, str, str]] = [
    ({"image_type": "x-ray"}, 400, "invalid", "image_type"),
    ({"dermoscopic_type": "glass"}, 400, "invalid", "dermoscopic_type"),
    (
        {"image_type": "clinical: overview", "dermoscopic_type": "contact polarized"},
        400,
        "dermoscopic_type_without_dermoscopy",
        "dermoscopic_type",
    ),
    ({"captured_at": "2999-01-01T00:00:00Z"}, 400, "captured_in_future", "captured_at"),
    # west of Greenwich it would lie before the calendar, and no page could show it
    ({"captured_at": "0001-01-01T00:00:00Z"}, 400, "date_before_birth", "captured_at"),
    ({"captured_at": "yesterday"}, 400, "invalid", "captured_at"),
    ({"captured_at": "9999-12-31T23:59:59-14:00"}, 400, "invalid", "captured_at"),
    ({"lesion": "nonsense"}, 404, "not_found", "lesion"),
    ({"lesion": ""}, 400, "invalid", "lesion"),
]


@pytest.mark.parametrize("path", ["images", "diagnoses"])
@pytest.mark.parametrize(("fields", "status", "code", "field"), BAD_FIELDS)
def test_a_bad_field_is_refused_and_nothing_kept(
    api, lesion, media, fields, status, code, field, path: str
) -> None:
    before = stored(media)
    response = upload(api, lesion, jpeg_bytes(), path=f"{API}/{path}/", **fields)
    assert_problem(response, status, code, field)
    assert stored(media) == before


@pytest.mark.parametrize("path", ["images", "diagnoses"])
def test_another_hospitals_lesion_gets_no_picture(api, media, path: str) -> None:
    other = LesionFactory()
    before = stored(media)
    response = upload(api, other, jpeg_bytes(), path=f"{API}/{path}/")
    assert_problem(response, 404, "not_found", "lesion")
    assert stored(media) == before


@pytest.mark.parametrize("path", ["images", "diagnoses"])
def test_the_same_picture_twice_is_a_conflict(api, lesion, media, path: str) -> None:
    assert upload(api, lesion, jpeg_bytes()).status_code == 201
    before = stored(media)
    response = upload(api, lesion, jpeg_bytes(), path=f"{API}/{path}/")
    assert_problem(response, 409, "duplicate_image", "file")
    assert stored(media) == before


def grey_16_bits() -> bytes:
    values = np.arange(320 * 240, dtype=np.uint16).reshape(240, 320)
    return image_bytes(Pillow.fromarray(values), "PNG")


CONVERTED = {
    "CMYK": (lambda: image_bytes(draw_lesion().convert("CMYK"), "JPEG"), "a.jpg"),
    "16 bits": (grey_16_bits, "a.png"),
    "palette": (lambda: image_bytes(draw_lesion().convert("P"), "PNG"), "a.png"),
    "alpha": (lambda: image_bytes(draw_lesion().convert("RGBA"), "PNG"), "a.png"),
    "TIFF": (lambda: image_bytes(draw_lesion(), "TIFF"), "a.tiff"),
}


@pytest.mark.parametrize("what", CONVERTED)
def test_an_unusual_picture_is_converted(api, lesion, what: str) -> None:
    make, name = CONVERTED[what]
    body = upload(api, lesion, make(), name).json()
    assert (body["width"], body["height"]) == (320, 240)
    kept = Pillow.open(io.BytesIO(api.get(body["file"]).content))
    assert (kept.mode, kept.size) == ("RGB", (320, 240))


def test_a_picture_is_turned_upright_and_forgets_the_place(api, lesion, media) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x010E] = "secret place"
    body = upload(api, lesion, jpeg_bytes(exif=exif.tobytes())).json()
    assert (body["width"], body["height"]) == (240, 320)
    files = [path for path in media.rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        assert not Pillow.open(io.BytesIO(path.read_bytes())).getexif()
        assert b"secret place" not in path.read_bytes()


def test_images_are_filtered_by_lesion_and_patient(api, lesion) -> None:
    image = ImageFactory(lesion=lesion)
    sibling = ImageFactory(lesion__patient=lesion.patient)
    ImageFactory(lesion__patient__hospital=lesion.patient.hospital)
    ImageFactory()

    def found(query: str) -> list[str]:
        return [row["id"] for row in api.get(f"{IMAGES}?{query}").json()["results"]]

    assert found(f"lesion={lesion.pk}") == [str(image.pk)]
    assert found(f"patient={lesion.patient_id}") == [str(sibling.pk), str(image.pk)]
    assert len(found("")) == 3


def test_a_list_takes_the_same_queries_for_one_row_and_for_twenty(api, lesion) -> None:
    request = DiagnosisRequestFactory(image__lesion=lesion)
    one = count_queries(api, IMAGES)
    ImageFactory.create_batch(
        19,
        lesion__patient__hospital=lesion.patient.hospital,
        uploaded_by=request.requested_by,
        content=jpeg_bytes((40, 40)),
    )
    assert Image.objects.count() == 20
    assert count_queries(api, IMAGES) == one
