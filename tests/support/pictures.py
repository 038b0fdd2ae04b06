"""Photographs for tests: real ones where the data folder is there, else drawings."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from ml.synthetic import draw_lesion
from ml.taxonomy import HAM10000

ROOT = Path(__file__).resolve().parents[2]


def data_folder() -> Path | None:
    """The folder of real dermoscopy (NEVUS_DATA, or ``shared/data`` beside the checkout)."""
    folder = Path(os.environ.get("NEVUS_DATA", ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


def original_photographs() -> list[Path]:
    """The JPEGs as a clinic would upload them; skips the test where there are none."""
    folder = data_folder()
    if folder is None:
        pytest.skip("the folder of real dermoscopy is not here (NEVUS_DATA)")
    return sorted((folder / "originals").glob("*.jpg"))


def photographs(count: int) -> list[bytes]:
    """``count`` different JPEGs: real ones first, drawings for the rest."""
    folder = data_folder()
    images = sorted((folder / "ham10000" / "images").glob("*.webp")) if folder else []
    found = [as_jpeg(Image.open(path)) for path in images[:count]]
    missing = range(len(found), count)
    return found + [as_jpeg(draw_lesion(HAM10000[n % 7], n, (300, 225))) for n in missing]


def as_jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
