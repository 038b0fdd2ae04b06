"""Collect the static files of the pages, but only when one of them changed."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


def collect_when_changed(stamp: Path) -> None:
    """Hashing and compressing takes seconds, so a stamp remembers what was collected."""
    current = fingerprint()
    collected = stamp.exists() and stamp.read_text() == current
    if not (collected and Path(settings.STATIC_ROOT).exists()):
        call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        stamp.write_text(current)


def fingerprint() -> str:
    digest = hashlib.sha256(str(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for path, storage in sorted(finder.list([]), key=lambda found: found[0]):
            status = Path(storage.path(path)).stat()
            digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
