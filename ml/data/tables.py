"""What all readers of tables need: rows, files by name, and attributes under our own names."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path, PurePosixPath

from ml.data.archive import archive_image
from ml.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".dcm")
DELIMITERS = (",", ";", "\t")

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
    columns, rows = read_table(file)
    for name in needed:
        if name not in columns:
            raise DataError(
                f"{file} has no column '{name}'; its columns are: {', '.join(columns)}."
            )
    if not rows:
        raise DataError(f"{file} has no rows.")
    return rows


def read_table(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a CSV in UTF-8; a cell that a row lacks is empty.

    Its cells are parted by commas, or by semicolons (as spreadsheets write where the comma is the
    decimal sign) or tabs: by what the header has most of. Raises DataError where it is no such
    file.
    """
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            delimiter = max(DELIMITERS, key=stream.readline().count)
            stream.seek(0)
            reader = csv.DictReader(stream, restval="", delimiter=delimiter)
            return list(reader.fieldnames or []), list(reader)
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not in UTF-8: {error}.") from error
    except csv.Error as error:
        raise DataError(f"{file} is no CSV: {error}.") from error


def image_files(folder: Path) -> list[Path]:
    """Images below ``folder``, in the order of their paths. Raises DataError if it is none."""
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder.")
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    ]


def tables_in(folder: Path) -> list[Path]:
    """The CSVs of a folder, without hidden ones (as a Mac leaves beside its files)."""
    return [path for path in sorted(folder.glob("*.csv")) if not path.name.startswith(".")]


def image_folder(folder: Path) -> Path:
    """Where a data set has its images: in a folder ``images``, else anywhere below."""
    return folder / "images" if (folder / "images").is_dir() else folder


class ImageFinder:
    """The images below a folder by the words that tables have for them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.by_stem: dict[str, list[Path]] = defaultdict(list)
        for path in image_files(folder):
            self.by_stem[path.stem].append(path)

    def find(self, word: str) -> Path:
        """The file of this path below the folder, else of this name, else of this stem.

        Of a word with a folder the file must lie in one of that name. Where there is none, the path
        that it should have. Raises DataError where several fit.
        """
        if word and (self.folder / word).is_file():
            return self.folder / word
        asked = PurePosixPath(word.replace("\\", "/"))
        is_file = asked.suffix.lower() in SUFFIXES  # else what follows the dot is of the name
        stem = asked.stem if is_file and asked.name not in self.by_stem else asked.name
        alike = [path for path in self.by_stem.get(stem, []) if _lies_in(path, asked.parent)]
        exact = [path for path in alike if path.name == asked.name]
        found = exact or alike
        # the same picture in several formats
        if len({path.parent for path in found}) == 1 or (
            archive_image(stem) and len({path.suffix for path in found}) == len(found)
        ):
            found = sorted(found, key=lambda path: SUFFIXES.index(path.suffix.lower()))[:1]
        if len(found) > 1:
            first = ", ".join(str(path.relative_to(self.folder)) for path in found[:2])
            raise DataError(
                f"'{word}' may be any of {len(found)} files below {self.folder} ({first}); the "
                "table must give its path."
            )
        return found[0] if found else self.folder / word


def _lies_in(path: Path, folder: PurePosixPath) -> bool:
    wanted = [part for part in folder.parts if part not in (".", "/")]
    return not wanted or list(path.absolute().parent.parts[-len(wanted) :]) == wanted


def attributes_of(row: dict[str, str]) -> dict[str, str]:
    """Sex, age, site and skin type, as far as the row says them."""
    return {ours: row[name] for name, ours in ATTRIBUTES.items() if row.get(name)}
