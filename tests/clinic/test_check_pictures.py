"""manage.py check_pictures says what it found and removes only when told to."""

import datetime
import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from clinic import pictures
from clinic.models import AuditEvent
from clinic.services import stored_files
from tests.factories import ImageFactory

pytestmark = pytest.mark.django_db
LEFT = "images/ab/left.jpg"


@pytest.fixture
def left(media: Path) -> Path:
    """A file of two hours ago that belongs to no image, beside an image that has its own."""
    ImageFactory()
    pictures.put(LEFT, b"of an upload that was killed")
    path = media / LEFT
    long_ago = path.stat().st_mtime - 2 * stored_files.AGE.total_seconds()
    os.utime(path, (long_ago, long_ago))
    return path


def test_it_lists_and_touches_nothing(left: Path, capsys) -> None:
    call_command("check_pictures")
    assert capsys.readouterr().out.splitlines() == [
        f"belongs to no image: {LEFT}",
        "1 files belong to no image, 0 of them were removed.",
        "Every image has its files.",
    ]
    assert left.exists()
    assert not AuditEvent.objects.filter(action="remove_orphan_files").exists()


def test_it_removes_what_belongs_to_nobody(left: Path, media: Path, capsys) -> None:
    call_command("check_pictures", "--delete")
    assert "1 of them were removed." in capsys.readouterr().out
    assert not left.exists()
    assert len([path for path in media.rglob("*") if path.is_file()]) == 2
    call_command("check_pictures", "--delete")
    assert "0 files belong to no image" in capsys.readouterr().out
    assert AuditEvent.objects.filter(action="remove_orphan_files").count() == 1


def test_a_file_is_left_alone_until_it_is_an_hour_old(left: Path) -> None:
    now = datetime.datetime.now().timestamp()
    os.utime(left, (now - 3500, now - 3500))
    assert stored_files.compare().orphans == []
    os.utime(left, (now - 3700, now - 3700))
    assert stored_files.compare().orphans == [LEFT]


def test_an_image_without_its_file_is_named_and_fails(left: Path, capsys) -> None:
    image = ImageFactory()
    pictures.remove(image.file.name)
    with pytest.raises(CommandError) as caught:
        call_command("check_pictures")
    assert str(caught.value).splitlines() == [
        f"image {image.pk}: {image.file.name} is missing",
        "Restore these files from the backup.",
    ]


def test_an_image_that_is_taken_in_meanwhile_is_whole(left: Path, monkeypatch) -> None:
    listed = pictures.held

    def held(folder: str):
        yield from listed(folder)
        ImageFactory()

    monkeypatch.setattr(pictures, "held", held)
    assert stored_files.compare() == stored_files.Findings([LEFT], [])


def test_a_storage_that_is_away_is_told(left: Path, settings) -> None:
    settings.STORAGES = settings.STORAGES | {
        "default": settings.STORAGES["default"] | {"OPTIONS": {"location": "/proc/version"}}
    }
    with pytest.raises(CommandError, match="storage of pictures does not answer: MEDIA_ROOT is"):
        call_command("check_pictures")
