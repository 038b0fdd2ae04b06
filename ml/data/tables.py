"""What all readers of tables need: rows, files by name, and attributes under our own names."""

from __future__ import annotations

import csv
from pathlib import Path

from ml.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".dcm")

ATTRIBUTES = {
    "sex": "sex",
    "age": "age",
    "age_approx": "age",
    "site": "site",
    "localization": "site",
    "anatom_site": "site",
    "anatom_site_general": "site",
    "anatom_site_general_challenge": "site",
    "fitzpatrick_skin_type": "skin_type",
}


def read_rows(file: Path, *needed: str) -> list[dict[str, str]]:
    """The rows of a CSV with a header. Raises DataError where it is empty or lacks a column."""
    with file.open(newline="", encoding="utf-8-sig") as stream:
        reader = csv.DictReader(stream)
        columns = list(reader.fieldnames or [])
        rows = list(reader)
    for name in needed:
        if name not in columns:
            raise DataError(
                f"{file} has no column '{name}'; its columns are: {', '.join(columns)}."
            )
    if not rows:
        raise DataError(f"{file} has no rows.")
    return rows


def image_files(folder: Path) -> dict[str, Path]:
    """Images below ``folder`` by their stem."""
    files = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES)
    return {path.stem: path for path in files}


def attributes_of(row: dict[str, str]) -> dict[str, str]:
    """Sex, age, site and skin type, as far as the row says them."""
    return {ours: row[name] for name, ours in ATTRIBUTES.items() if row.get(name)}
