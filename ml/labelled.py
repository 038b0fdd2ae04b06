"""A folder of images and a table of labels, for measuring: what does not fit is listed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ml import taxonomy
from ml.data.folder import read_folder
from ml.data.isic import class_of, read_isic2017
from ml.data.samples import Sample, once_each
from ml.data.tables import ImageFinder, image_files, read_table
from ml.errors import DataError


@dataclass
class Labelled:
    """Images with labels, and what was left out: "name: reason"."""

    samples: list[Sample] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    unlabelled: list[str] = field(default_factory=list)  # images that the table does not name


def read_labelled(images: Path, labels: Path, classes: Sequence[str]) -> Labelled:
    """Read a table with the columns image and label, or one column a class as ISIC publishes it.

    Rows without an image and rows of a class that is none of the model's ``classes`` are left out.
    Raises DataError where nothing remains, and for a word that is no class at all.
    """
    read, left_out = _samples(images, labels)
    found = Labelled(left_out=left_out)
    for one in read:
        sample = replace(one, label=taxonomy.fold(one.label, tuple(classes)))
        if sample.label not in classes:
            found.left_out.append(f"{sample.path.name}: the model does not know {sample.label}")
        elif not sample.path.is_file():
            found.left_out.append(f"{sample.path.name}: there is no such image in {images}")
        else:
            found.samples.append(sample)
    if not found.samples:
        reasons = Counter(line.partition(": ")[2] for line in found.left_out).most_common(1)
        why = f" ({reasons[0][0]})" if reasons else ""
        raise DataError(f"{labels} has no row that can be measured{why}.")
    named = {sample.path for sample in read}
    found.unlabelled = sorted(p.name for p in image_files(images) if p not in named)
    return found


def _samples(images: Path, labels: Path) -> tuple[list[Sample], list[str]]:
    """One sample a file, and the rows that repeat one or say no class."""
    header, rows = read_table(labels)
    columns = {c.lower(): c for c in header}
    codes = {column: code for column in header if (code := class_of(column)) is not None}
    if len(codes) < 2:
        is_2017 = {"image_id", "melanoma", "seborrheic_keratosis"} <= set(header)
        dataset = read_isic2017(images, labels) if is_2017 else read_folder(images, labels)
        return dataset.samples, dataset.left_out
    name = next((columns[c] for c in ("image", "image_id", "isic_id") if c in columns), None)
    if name is None:
        raise DataError(f"{labels} has a column a class, but none that names the image.")
    files = ImageFinder(images)
    group = next((columns[c] for c in ("patient_id", "lesion_id") if c in columns), name)
    samples, unknown = [], []
    for row in rows:
        path, code = files.find(row[name]), _marked(row, codes, labels)
        if code:
            samples.append(Sample(path, code, row[group] or path.stem))
        else:
            unknown.append(f"{path.name}: its class is unknown")
    samples, repeated = once_each(samples, labels)
    return samples, unknown + repeated


def _marked(row: dict[str, str], codes: dict[str, str], labels: Path) -> str:
    """The one class that a row marks with 1; nothing for "unknown"."""
    try:
        marked = [code for column, code in codes.items() if float(row[column] or 0) >= 0.5]
    except ValueError as error:
        raise DataError(f"{labels} marks a class without a number: {error}.") from error
    if len(marked) != 1:
        raise DataError(f"{labels}: {next(iter(row.values()))} has {len(marked)} classes marked.")
    return marked[0]
