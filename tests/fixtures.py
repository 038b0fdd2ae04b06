"""Fixtures around every test; tests/conftest.py imports them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import translation


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path: Path) -> Path:
    """Pictures and checkpoints of a test lie in a folder of its own."""
    storages = {name: dict(options) for name, options in settings.STORAGES.items()}
    storages["default"] = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(tmp_path / "media"), "base_url": None},
    }
    settings.STORAGES = storages
    settings.BUCKET = None
    settings.CHECKPOINT_ROOT = tmp_path / "checkpoints"
    return tmp_path


@pytest.fixture(autouse=True)
def one_lane(settings) -> None:
    """Another lane would not see what a test has not committed; workers of their own have two."""
    settings.NEVUS_LANES = 1


@pytest.fixture(autouse=True)
def own_language() -> Iterator[None]:
    """The language that a page was asked for in ends with the test, as it does with a request."""
    yield
    translation.deactivate()


@pytest.fixture
def media(own_folders: Path) -> Path:
    """The folder of the stored pictures; it does not exist before the first one."""
    return own_folders / "media"
