"""DermaMNIST (Yang et al., Scientific Data 10:41, 2023): HAM10000 in small, as one npz file."""

from __future__ import annotations

import os
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from PIL import Image

from ml import taxonomy
from ml.data.samples import Dataset, Sample
from ml.errors import DataError

PARTS = ("train", "val", "test")


def read_dermamnist(file: Path) -> Dataset:
    """Read ``file``, and lay its images as PNG beside it (NAME_images/) where they are not yet.

    The file does not say which images show the same lesion, so each one is a group of its own and a
    split by it may leak. Labels are in the order of HAM10000's classes. Nothing is unpickled.
    """
    folder = file.with_name(f"{file.stem}_images")
    samples = []
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            for part in PARTS:
                images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"].reshape(-1)
                for number, (image, label) in enumerate(zip(images, labels, strict=True)):
                    path = folder / f"{part}_{number:05}.png"
                    code = dict(enumerate(taxonomy.HAM10000))[int(label)]
                    if not path.exists() or path.stat().st_mtime < file.stat().st_mtime:
                        _write(path, image)
                    samples.append(Sample(path, code, path.stem))
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile) as error:
        raise DataError(f"{file} is not DermaMNIST: {error}.") from error
    source = "DermaMNIST: J. Yang et al., Scientific Data 10:41 (2023), from HAM10000"
    return Dataset("DermaMNIST", samples, "CC BY-NC 4.0", source)


def _write(path: Path, image: np.ndarray) -> None:
    """Complete or not at all."""
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    Image.fromarray(image).save(part, "PNG")
    os.replace(part, path)
