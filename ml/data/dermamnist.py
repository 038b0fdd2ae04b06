"""DermaMNIST (Yang et al., Scientific Data 10:41, 2023): HAM10000 in small, as one npz file."""

from __future__ import annotations

from pathlib import Path

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
        with np.load(file, allow_pickle=False) as arrays:
            for part in PARTS:
                images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"].reshape(-1)
                for number, (image, label) in enumerate(zip(images, labels, strict=True)):
                    path = folder / f"{part}_{number:05}.png"
                    _write(path, image)
                    code = taxonomy.HAM10000[int(label)]
                    samples.append(Sample(path, code, path.stem))
    except (ValueError, KeyError, IndexError, EOFError) as error:
        raise DataError(f"{file} is not DermaMNIST: {error}.") from error
    source = "DermaMNIST: J. Yang et al., Scientific Data 10:41 (2023), from HAM10000"
    return Dataset("DermaMNIST", samples, "CC BY-NC 4.0", source)


def _write(path: Path, image: np.ndarray) -> None:
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(image).save(path)
