"""Pictures in a folder and in a bucket: the same tests run on both, with real servers."""

import dataclasses
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings as current
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from clinic import pictures
from clinic.models import AuditEvent, Image
from clinic.services import stored_files
from clinic.services.images import read_stored
from config import health, storages
from config.environment import Environment
from diagnosis.inference import Reader
from diagnosis.services.requests import request_diagnosis
from diagnosis.services.workers import beat
from tests.api_client import API, assert_problem, client
from tests.checkpoints import registered
from tests.factories import HospitalFactory, LesionFactory, doctor, jpeg_bytes
from tests.support.s3 import BUCKET, S3Server

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    server = S3Server()
    try:
        server.start()
        yield server
    finally:
        server.close()


def use_bucket(settings, server: S3Server, **changes: str) -> None:
    bucket = storages.read_bucket(Environment(server.variables() | changes))
    settings.BUCKET = bucket
    settings.STORAGES = {**settings.STORAGES, "default": storages.bucket(bucket)}


@pytest.fixture(params=["folder", "bucket"])
def kept(request: pytest.FixtureRequest, settings, media: Path) -> Callable[[], list[str]]:
    """Use this kind of storage; lists the keys that it holds."""
    if request.param == "folder":
        return lambda: [str(path.relative_to(media)) for path in media.rglob("*") if path.is_file()]
    server = request.getfixturevalue("s3")
    use_bucket(settings, server)
    for key in server.held():
        server.client().delete_object(Bucket=BUCKET, Key=key)
    return server.held


@pytest.fixture
def lesion():
    return LesionFactory(patient__hospital=HospitalFactory())


@pytest.fixture
def api(lesion):
    return client(doctor(lesion.patient.hospital))


def upload(api, lesion, seed: int = 0):
    fields = {
        "lesion": str(lesion.pk),
        "file": SimpleUploadedFile("photo.jpg", jpeg_bytes(seed=seed)),
    }
    return api.post(f"{API}/images/", fields, format="multipart")


def follow(response, request: pytest.FixtureRequest) -> bytes:
    """What a browser gets: the picture itself or, by a redirect, the bucket's."""
    if response.status_code == 200:
        return response.content
    assert response.status_code == 302
    assert response["Cache-Control"] == "no-store"
    with request.getfixturevalue("s3").without_authentication():
        return urllib.request.urlopen(response["Location"], timeout=10).read()


def test_a_picture_comes_back_to_who_may_see_it(api, lesion, kept, request) -> None:
    image = Image.objects.get(pk=upload(api, lesion).json()["id"])
    assert sorted(kept()) == sorted([image.file.name, image.thumbnail.name])
    for part in ("file", "thumbnail"):
        before = AuditEvent.objects.count()
        content = follow(api.get(f"{API}/images/{image.pk}/{part}/"), request)
        assert content.startswith(b"\xff\xd8")
        assert AuditEvent.objects.count() == before + 1
    assert read_stored(image) == follow(api.get(f"{API}/images/{image.pk}/file/"), request)


def test_pages_show_it_too(api, lesion, kept, request) -> None:
    pk = upload(api, lesion).json()["id"]
    browser = Client()
    browser.force_login(doctor(lesion.patient.hospital))
    for part in ("file", "thumbnail"):
        content = follow(browser.get(f"/images/{pk}/{part}/"), request)
        assert content.startswith(b"\xff\xd8")


def test_nobody_else_learns_an_address(api, lesion, kept) -> None:
    pk = upload(api, lesion).json()["id"]
    stranger = client(doctor(HospitalFactory()))
    for part in ("file", "thumbnail"):
        assert stranger.get(f"{API}/images/{pk}/{part}/").status_code == 404
        assert client().get(f"{API}/images/{pk}/{part}/").status_code == 401


def test_a_worker_reads_it(api, lesion, kept, tmp_path: Path) -> None:
    image = Image.objects.get(pk=upload(api, lesion).json()["id"])
    model = registered(tmp_path / "checkpoint")
    asked = request_diagnosis(actor=image.uploaded_by, image=image, model_version=model)
    reader = Reader()
    reader.drain(seconds=30)
    reader.decoders.shutdown()
    asked.refresh_from_db()
    assert (asked.status, asked.failure_code) == ("succeeded", "")


def test_a_missing_picture_is_named(api, lesion, kept) -> None:
    image = Image.objects.get(pk=upload(api, lesion).json()["id"])
    pictures.remove(image.file.name)
    assert_problem(api.get(f"{API}/images/{image.pk}/file/"), 503, "image_missing")


def test_an_altered_picture_is_not_shown(api, lesion, kept) -> None:
    image = Image.objects.get(pk=upload(api, lesion).json()["id"])
    pictures.remove(image.file.name)
    default_storage.save(image.file.name, ContentFile(b"something else"))
    assert_problem(api.get(f"{API}/images/{image.pk}/file/"), 409, "image_altered")


@pytest.fixture
def thumbnails_fail(kept, media: Path, request: pytest.FixtureRequest) -> Iterator[None]:
    """The storage takes the picture and refuses what comes after it."""
    if not current.BUCKET:
        media.mkdir(exist_ok=True)
        (media / "thumbnails").touch()
        yield
        (media / "thumbnails").unlink()
        return
    server = request.getfixturevalue("s3")
    server.forbid("thumbnails/")
    yield
    server.allow_everything()


def test_nothing_is_left_of_an_upload_that_fails_in_the_middle(
    api, lesion, kept, thumbnails_fail
) -> None:
    response = upload(api, lesion)
    assert_problem(response, 503, "storage_unavailable")
    assert int(response["Retry-After"]) > 0
    assert [key for key in kept() if key != "thumbnails"] == []
    assert not Image.objects.exists()
    assert not AuditEvent.objects.filter(action="create_image").exists()


def test_files_without_a_row_are_found_and_removed(api, lesion, kept, monkeypatch) -> None:
    image = Image.objects.get(pk=upload(api, lesion).json()["id"])
    pictures.put("images/ab/left.jpg", b"of an upload that was killed")
    # it may be one that is about to be committed
    assert stored_files.compare() == stored_files.Findings([], [])
    monkeypatch.setattr(stored_files, "AGE", -stored_files.AGE)
    found = stored_files.compare()
    assert found == stored_files.Findings(["images/ab/left.jpg"], [])
    assert stored_files.remove_orphans(found.orphans) == 1
    assert sorted(kept()) == sorted([image.file.name, image.thumbnail.name])
    assert AuditEvent.objects.get(action="remove_orphan_files").details == {"count": 1}
    pictures.remove(image.thumbnail.name)
    missing = [(image.pk, image.thumbnail.name)]
    assert stored_files.compare() == stored_files.Findings([], missing)


def test_the_probe_takes_its_file_away(kept) -> None:
    beat(name="gpu", reads=True)
    assert health.Storage()() is None
    assert kept() == []


def test_objects_are_encrypted_and_addresses_soon_worthless(api, lesion, s3, settings) -> None:
    use_bucket(settings, s3, NEVUS_S3_URL_SECONDS="45")
    image = Image.objects.get(pk=upload(api, lesion).json()["id"])
    head = s3.client().head_object(Bucket=BUCKET, Key=image.file.name)
    assert head["ServerSideEncryption"] == "AES256"
    address = urlsplit(api.get(f"{API}/images/{image.pk}/file/")["Location"])
    assert parse_qs(address.query)["X-Amz-Expires"] == ["45"]
    # without the signature it is nobody's
    with s3.without_authentication(), pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(address._replace(query="").geturl(), timeout=10)


def test_a_bucket_that_browsers_do_not_reach(api, lesion, s3, settings) -> None:
    use_bucket(settings, s3, NEVUS_S3_URL_SECONDS="0")
    image = Image.objects.get(pk=upload(api, lesion).json()["id"])
    response = api.get(f"{API}/images/{image.pk}/file/")
    assert (response.status_code, response.content) == (200, read_stored(image))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"NEVUS_S3_SECRET_KEY": "wrong"}, "the bucket refuses the key (NEVUS_S3_ACCESS_KEY"),
        ({"NEVUS_S3_ACCESS_KEY": "AKIAUNKNOWN"}, "the bucket refuses the key (NEVUS_S3_ACCESS_KEY"),
        ({"NEVUS_S3_BUCKET": "elsewhere"}, "the bucket does not exist (NEVUS_S3_BUCKET)"),
        ({"NEVUS_S3_ENDPOINT": "http://127.0.0.1:1"}, "Could not connect to the endpoint"),
    ],
)
def test_a_bucket_that_cannot_be_used_says_why(
    change: dict[str, str], reason: str, s3, settings, api, lesion, monkeypatch, caplog
) -> None:
    use_bucket(settings, s3, **change)
    with pytest.raises(pictures.StorageError) as caught:
        pictures.probe()
    assert reason in caught.value.reason
    # the operator's log has the reason, who uploads a picture has not
    problem = assert_problem(upload(api, lesion), 503, "storage_unavailable")
    assert reason in caplog.text
    assert reason not in str(problem)
    assert not Image.objects.exists()
    monkeypatch.setitem(health.CHECKS, "storage", health.Storage())
    assert "storage" in Client().get("/healthz/ready/").json()["missing"]


def test_browsers_may_show_pictures_of_the_bucket(s3) -> None:
    variables = s3.variables()
    own = storages.read_bucket(Environment(variables))
    assert own.origin == s3.endpoint
    amazon = dataclasses.replace(own, endpoint="", region="eu-central-1")
    assert amazon.origin == f"https://{BUCKET}.s3.eu-central-1.amazonaws.com"
    options = storages.bucket(amazon)["OPTIONS"]
    signed = storages_backend(options).url("images/x.jpg")
    assert signed.startswith(f"{amazon.origin}/images/x.jpg?X-Amz-")


def storages_backend(options: dict):
    from storages.backends.s3 import S3Storage

    return S3Storage(**options)


def test_the_policy_names_the_bucket() -> None:
    code = "from django.conf import settings as s; print(s.CONTENT_SECURITY_POLICY)"
    variables = {"NEVUS_S3_BUCKET": "pictures", "NEVUS_S3_ENDPOINT": "https://s3.example:9000/"}
    for changes, shown in (({}, True), ({"NEVUS_S3_URL_SECONDS": "0"}, False)):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, **variables, **changes},
            capture_output=True,
            text=True,
            check=True,
        )
        assert ("https://s3.example:9000'" in done.stdout) is shown


@pytest.fixture
def full_volume(settings, tmp_path: Path) -> Iterator[Path]:
    """A volume of sixteen kilobytes."""
    folder = tmp_path / "volume"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("only root can make a small volume here")
    settings.STORAGES = {**settings.STORAGES, "default": storages.folder(str(folder))}
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_volume_keeps_nothing_half(api, lesion, full_volume: Path, caplog) -> None:
    assert_problem(upload(api, lesion), 503, "storage_unavailable")
    assert "the volume of MEDIA_ROOT is full" in caplog.text
    assert [path for path in full_volume.rglob("*") if path.is_file()] == []
    assert not Image.objects.exists()
