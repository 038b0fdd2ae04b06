"""Data sets: readers, splits, and pixels in memory or on demand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ml.data import ham10000, isic
from ml.data.dermamnist import read_dermamnist
from ml.data.folder import has_class_folders, read_class_folders, read_folder
from ml.data.samples import Dataset
from ml.data.tables import image_folder, read_table, tables_in
from ml.errors import DataError

# the columns by which a table is recognised, in the order of the asking
TABLES: tuple[tuple[set[str], Callable[[Path, Path], Dataset]], ...] = (
    ({"melanoma", "seborrheic_keratosis"}, isic.read_isic2017),
    ({"image", "MEL", "NV", "AKIEC"}, isic.read_isic2018),
    ({"image", "MEL", "NV", "SCC"}, isic.read_isic2019),
    ({"image_name", "patient_id", "diagnosis", "target"}, isic.read_isic2020),
    ({"isic_id"}, isic.read_archive),
)

OWN_LABELS = {"label", "dx", "class"}  # a labels.csv with these is a folder's own, with any names


def read_dataset(path: Path) -> Dataset:
    """Read a data set of any known kind; which it is, is told from the files in ``path``.

    Raises DataError, with what was looked for, where it is none or has no images.
    """
    dataset = _read(path)
    if not dataset.samples:
        raise DataError(f"{path} has no labelled images.")
    return dataset


def _read(path: Path) -> Dataset:
    if path.suffix == ".npz" and path.is_file():
        return read_dermamnist(path)
    if not path.is_dir():
        raise DataError(f"{path} is no folder.")
    if (path / ham10000.METADATA).exists():
        return ham10000.read_ham10000(path)
    own = path / "labels.csv"
    columns = {table: set(read_table(table)[0]) for table in tables_in(path)}
    kinds = {table: _reader(names) for table, names in columns.items()}
    truths = [table for table, read in kinds.items() if read is not None]
    if own in columns and (columns[own] & OWN_LABELS or not truths):
        return read_folder(image_folder(path), own)
    if len(truths) > 1:
        names = " and ".join(table.name for table in truths[:2])
        raise DataError(f"{path} has several tables of labels ({names}); keep one in a folder.")
    if truths and (read := kinds[truths[0]]):
        return read(path, truths[0])
    if has_class_folders(path):
        return read_class_folders(path)
    raise DataError(
        f"{path} is no data set. It needs {ham10000.METADATA}; or a CSV of ISIC 2017, 2018, 2019 "
        "or 2020, or of the ISIC archive (isic_id); or labels.csv (image, label); or one folder a "
        "class."
    )


def _reader(columns: set[str]) -> Callable[[Path, Path], Dataset] | None:
    return next((read for needed, read in TABLES if needed <= columns), None)
