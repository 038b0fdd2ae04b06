"""Plain folders: images and a CSV that labels them, or one folder a class."""

from __future__ import annotations

from pathlib import Path

from ml import taxonomy
from ml.data.groups import group_samples
from ml.data.samples import Dataset, Sample, class_code, once_each
from ml.data.tables import ImageFinder, attributes_of, image_files, read_rows
from ml.errors import DataError

IMAGE_COLUMNS = ("image", "image_id", "isic_id", "filename", "file")
LABEL_COLUMNS = ("label", "dx", "diagnosis", "class")


def read_folder(images: Path, labels: Path) -> Dataset:
    """Read ``labels``, a CSV with the columns image and label, for the files below ``images``.

    The image is a path below ``images``, a file name or its stem; the label is a class code or
    label word. Columns patient_id, lesion_id or group say what must not be split; else every image
    stands alone. Columns sex, age and site are kept for the figures of subgroups.
    """
    rows = read_rows(labels)
    image = _pick(list(rows[0]), IMAGE_COLUMNS, labels)
    label = _pick(list(rows[0]), LABEL_COLUMNS, labels)
    files = ImageFinder(images)
    if not all(row[image].strip() for row in rows):
        raise DataError(f"{labels}: a row names no image.")
    samples = [
        Sample(
            path=files.find(row[image]),
            label=class_code(row[label], f"{labels}, {row[image]}"),
            group=Path(row[image]).with_suffix("").as_posix(),
            attributes=attributes_of(row),
            patient=row.get("patient_id") or row.get("group") or "",
            lesion=row.get("lesion_id") or "",
        )
        for row in rows
    ]
    samples, repeated = once_each(samples, labels)
    grouped = group_samples(samples)
    return Dataset(images.resolve().name, grouped, "not stated", "not stated", repeated)


def read_class_folders(folder: Path) -> Dataset:
    """Read a folder whose folders are named by class codes or label words, each with its images.

    Every image stands alone, for nothing says what belongs together.
    """
    samples = [
        Sample(path, class_code(part.name, str(folder)), f"{part.name}/{path.stem}")
        for part in sorted(folder.iterdir())
        if part.is_dir()
        for path in image_files(part)
    ]
    return Dataset(folder.resolve().name, samples, "not stated", "not stated")


def has_class_folders(folder: Path) -> bool:
    names = [path.name.lower() for path in folder.iterdir() if path.is_dir()]
    return any(name in taxonomy.BY_CODE or name in taxonomy.BY_LABEL for name in names)


def _pick(columns: list[str], wanted: tuple[str, ...], file: Path) -> str:
    for name in wanted:
        if name in columns:
            return name
    raise DataError(f"{file} has no column '{wanted[0]}'; its columns are: {', '.join(columns)}.")
