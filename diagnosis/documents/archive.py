"""A ZIP of images with what is known of them, written while it is sent: it is never held whole."""

import io
import itertools
import zipfile
from collections.abc import Iterator

from django.utils.translation import gettext as _

from clinic import imaging
from clinic.errors import DomainError
from clinic.services.images import read_stored
from clinic.spreadsheets import BYTE_ORDER_MARK, csv_lines
from diagnosis.models import DiagnosisRequest
from diagnosis.models.requests import DiagnosisRequestQuerySet
from diagnosis.services.report_tables import HEADINGS, sheet_rows

CHUNK = 200


class Outlet(io.RawIOBase):
    """A file for ``zipfile`` that only grows; what was written since is taken out again."""

    def __init__(self) -> None:
        self.pending: list[bytes] = []
        self.position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def write(self, content) -> int:  # type: ignore[no-untyped-def, override]
        self.pending.append(bytes(content))
        self.position += len(self.pending[-1])
        return len(self.pending[-1])

    def take(self) -> bytes:
        content, self.pending = b"".join(self.pending), []
        return content


def image_archive(rows: DiagnosisRequestQuerySet) -> Iterator[bytes]:
    """``images/`` with each picture once, and ``metadata.csv`` with a line an order.

    A picture that is missing from the storage leaves its file empty.
    """
    outlet = Outlet()
    files: dict[str, str] = {}
    # pictures are compressed already
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        requests = rows.select_related("image").only("image")
        for request in requests.iterator(chunk_size=CHUNK):
            yield from add_picture(archive, outlet, request, files)
        with archive.open("metadata.csv", "w") as entry:
            for line in metadata(rows, files):
                entry.write(line.encode())
                yield outlet.take()
    yield outlet.take()


def add_picture(
    archive: zipfile.ZipFile, outlet: Outlet, request: DiagnosisRequest, files: dict[str, str]
) -> Iterator[bytes]:
    key = str(request.image_id)
    if key in files:
        return
    name = f"images/{key}{imaging.EXTENSIONS[request.image.media_type]}"
    try:
        archive.writestr(name, read_stored(request.image))
    except DomainError:
        files[key] = ""
        return
    files[key] = name
    yield outlet.take()


def metadata(rows: DiagnosisRequestQuerySet, files: dict[str, str]) -> Iterator[str]:
    place = list(HEADINGS).index("image")
    lines = sheet_rows(rows)
    head = next(lines)
    named = ([files.get(cells[place], ""), *cells] for cells in lines)
    yield BYTE_ORDER_MARK
    yield from csv_lines(itertools.chain([[_("File"), *head]], named))
