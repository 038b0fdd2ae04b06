"""Names that the ISIC archive gives, which mean the same in every data set that is made of it."""

from __future__ import annotations

import re

IMAGE = re.compile(r"(ISIC_\d{7})(_downsampled)?")
LESION = re.compile(r"(IL|HAM)_\d{7}")


def archive_image(stem: str) -> str:
    """The archive's number of an image, as ISIC 2019 writes it too; nothing for another name."""
    match = IMAGE.fullmatch(stem)
    return match[1] if match else ""


def is_archive_lesion(name: str) -> bool:
    return LESION.fullmatch(name) is not None
