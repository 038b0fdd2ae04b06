"""The picture in a DICOM file, through pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ml.errors import DataError


def open_dicom(path: Path) -> Image.Image:
    """The first frame of a DICOM file as a PIL image of 8 bits.

    Colours are turned to RGB. Raises ValueError where the file is no DICOM or holds no picture that
    can be decoded, and DataError where pydicom is not installed.
    """
    try:
        import pydicom
        from pydicom.pixels import apply_color_lut
    except ImportError as error:
        raise DataError(
            "DICOM files need pydicom: python -m pip install -r requirements-training.txt"
        ) from error
    try:
        dataset = pydicom.dcmread(path)
        if "PixelData" not in dataset:
            raise ValueError("this DICOM file holds no picture")
        pixels = dataset.pixel_array
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            pixels = apply_color_lut(pixels, dataset)
    except OSError:
        raise
    # pydicom raises many kinds for a malformed file, and every one of them means the same here
    except Exception as error:
        raise ValueError(f"no DICOM picture that can be decoded ({error})") from error
    return _to_image(pixels, dataset)


def _to_image(pixels: np.ndarray, dataset: Any) -> Image.Image:
    channels = 3 if dataset.SamplesPerPixel == 3 or "PALETTE" in dataset[0x280004].value else 1
    if pixels.ndim > (3 if channels == 3 else 2):
        pixels = pixels[0]  # the first of many frames
    if pixels.dtype != np.uint8:
        values = pixels.astype(np.float64)
        low, high = float(values.min()), float(values.max())
        if channels == 3:  # colours keep their ratio
            bits = 16 if "PALETTE" in dataset[0x280004].value else dataset.BitsStored
            low, high = 0.0, float(2**bits - 1)
        pixels = ((values - low) * (255 / max(high - low, 1))).round().astype(np.uint8)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        pixels = 255 - pixels
    return Image.fromarray(pixels)
