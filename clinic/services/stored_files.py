"""Pictures in the storage and images in the database: do they belong together?

File and row are written together or neither, but a process that is killed between the two leaves a
file without a row. Nobody sees it, it only takes room.
"""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from clinic import pictures
from clinic.models import Image
from clinic.services.audit import record_event

FOLDERS = ("images", "thumbnails")
# the file comes first: the row of one that is younger may be about to be committed
AGE = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Findings:
    orphans: list[str]  # keys of files without a row
    missing: list[tuple[UUID, str]]  # images and the keys of their files that are not there


def compare() -> Findings:
    """What does not belong together. Raises StorageError.

    Holds every key in memory, about 300 MB for a million images; an image that is taken in
    meanwhile is neither.
    """
    held = {name for folder in FOLDERS for name in pictures.held(folder)}
    missing = []
    for key, name in named():
        if name in held:
            held.remove(name)
        elif not pictures.exists(name):
            missing.append((key, name))
    before = timezone.now() - AGE
    return Findings(sorted(name for name in held if is_older(name, before)), missing)


def named() -> Iterator[tuple[UUID, str]]:
    rows = Image.objects.order_by().values_list("pk", "file", "thumbnail")
    for key, *names in rows.iterator(chunk_size=5000):
        yield from ((key, name) for name in names)


def is_older(name: str, moment: datetime.datetime) -> bool:
    """False also where it was taken away meanwhile: an upload that failed in the middle."""
    written = pictures.written_at(name)
    return written is not None and written < moment


def remove_orphans(names: Iterable[str]) -> int:
    """Take these files away, one event in the platform's log; how many are gone."""
    count = 0
    for name in names:
        pictures.remove(name)
        count += not pictures.exists(name)
    if count:
        details = {"count": count}
        record_event(actor=None, action="remove_orphan_files", hospital=None, details=details)
    return count
