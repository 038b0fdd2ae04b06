"""A few drawn lesions that all images of a filled system share."""

import io
import json
import uuid
from dataclasses import dataclass

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from clinic import imaging
from ml.synthetic import draw_lesion
from ml.taxonomy import HAM10000

FILES_PER_CLASS = 2


@dataclass(frozen=True)
class File:
    """One stored picture as the columns of an image."""

    file: str
    thumbnail: str
    media_type: str
    byte_size: int
    width: int
    height: int
    sha256: str
    quality: str


def store_drawings() -> list[File]:
    """Draw, take in as an upload is taken in, and store."""
    return [store_drawing(code, seed) for seed in range(FILES_PER_CLASS) for code in HAM10000]


def store_drawing(code: str, seed: int) -> File:
    buffer = io.BytesIO()
    draw_lesion(code, 9000 + seed, (400, 300)).save(buffer, "JPEG", quality=90)
    picture = imaging.take_in(buffer.getvalue(), name="drawing.jpg", pixel_limit=10**6)
    key = uuid.uuid4().hex
    ending = imaging.EXTENSIONS[picture.media_type]
    return File(
        file=default_storage.save(f"images/{key}{ending}", ContentFile(picture.content)),
        thumbnail=default_storage.save(f"thumbnails/{key}.jpg", ContentFile(picture.thumbnail)),
        media_type=picture.media_type,
        byte_size=len(picture.content),
        width=picture.width,
        height=picture.height,
        sha256=picture.sha256,
        quality=json.dumps(picture.quality.as_dict()),
    )
