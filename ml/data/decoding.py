"""Decode image files in threads; what cannot be decoded is listed, never lost in silence."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from PIL import ExifTags, Image, ImageOps

from ml.data.dicom import open_dicom

T = TypeVar("T")

# what PIL raises for a file that is missing, cut short, of no known format, or far too large
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


def open_image(path: Path) -> Image.Image:
    """The image in a file: what PIL knows, and DICOM by its ending. Raises UNREADABLE."""
    return open_dicom(path) if path.suffix.lower() == ".dcm" else Image.open(path)


def upright(image: Image.Image) -> Image.Image:
    """The image as its EXIF orientation wants it seen, as uploads are (clinic.imaging)."""
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1)
        return image if turned == 1 else ImageOps.exif_transpose(image)
    except UNREADABLE:
        raise
    # cameras write all kinds of EXIF; the pixels are good whatever it holds
    except Exception:
        return image


def decode_all(
    paths: Sequence[Path], use: Callable[[Image.Image], T], skipped: list[str]
) -> Iterator[tuple[int, T]]:
    """Yield (index, ``use(image)``) in order; append "file: reason" to ``skipped`` for the others.

    All results wait in memory until they are taken, so give it no more ``paths`` than fit.
    """

    def decode(path: Path) -> T:
        with open_image(path) as image:
            return use(upright(image))

    with ThreadPoolExecutor(usable_cpus() + 2) as pool:
        futures = [pool.submit(decode, path) for path in paths]
        try:
            for index, future in enumerate(futures):
                try:
                    yield index, future.result()
                except UNREADABLE as error:
                    skipped.append(f"{paths[index].name}: {error}")
        finally:
            # so that Ctrl-C does not wait for the files that nobody wants any more
            pool.shutdown(wait=False, cancel_futures=True)


def usable_cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0))
