"""A plain folder of images and a CSV that labels them."""

from __future__ import annotations

import csv
from pathlib import Path

from ml.data.samples import Sample, class_code
from ml.errors import DataError

IMAGE_COLUMNS = ("image", "image_id", "isic_id", "filename", "file")
LABEL_COLUMNS = ("label", "dx", "diagnosis", "class")
GROUP_COLUMNS = ("patient_id", "lesion_id", "group")
ATTRIBUTE_COLUMNS = {
    "sex": "sex",
    "age": "age",
    "age_approx": "age",
    "site": "site",
    "localization": "site",
}


def read_folder(images: Path, labels: Path) -> list[Sample]:
    """Read ``labels``, a CSV with the columns image and label, for the files below ``images``.

    The image is a file name or its stem; the label is a class code or label word. A column
    patient_id, lesion_id or group says what must not be split; else every image stands alone.
    Columns sex, age and site are kept for the figures of subgroups.
    """
    with labels.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        rows, columns = list(reader), list(reader.fieldnames or [])
    image = _pick(columns, IMAGE_COLUMNS, labels)
    label = _pick(columns, LABEL_COLUMNS, labels)
    group = next((name for name in GROUP_COLUMNS if name in columns), image)
    paths = {path.stem: path for path in images.rglob("*") if path.is_file()}
    samples = []
    for row in rows:
        path = paths.get(Path(row[image]).stem, images / row[image])
        attributes = {ATTRIBUTE_COLUMNS[c]: row[c] for c in columns if c in ATTRIBUTE_COLUMNS}
        samples.append(Sample(path, class_code(row[label]), row[group] or row[image], attributes))
    return samples


def _pick(columns: list[str], wanted: tuple[str, ...], file: Path) -> str:
    for name in wanted:
        if name in columns:
            return name
    raise DataError(f"{file} has no column '{wanted[0]}'; its columns are: {', '.join(columns)}.")
