"""Data sets: readers, splits and the in-memory cache."""

from pathlib import Path

from ml.data import ham10000
from ml.data.folder import read_folder
from ml.data.samples import Dataset
from ml.errors import DataError


def read_dataset(folder: Path) -> Dataset:
    """Read HAM10000, or a folder with labels.csv and images/. Raises DataError for anything else.

    Which it is, is told from the files in it.
    """
    if (folder / ham10000.METADATA).exists():
        return ham10000.read_ham10000(folder)
    if (folder / "labels.csv").exists() and (folder / "images").is_dir():
        return read_folder(folder / "images", folder / "labels.csv")
    raise DataError(
        f"{folder} is no data set: it needs {ham10000.METADATA}, or labels.csv and images/."
    )
