"""A folder of images and a table of labels, for measuring: what does not fit is listed."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ml import taxonomy
from ml.data.folder import read_folder
from ml.data.samples import Sample
from ml.errors import DataError
from ml.reading import SUFFIXES


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
    found = Labelled()
    for read in _samples(images, labels):
        sample = replace(read, label=taxonomy.fold(read.label, tuple(classes)))
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
    named = {sample.path.stem for sample in found.samples}
    named |= {Path(line.partition(": ")[0]).stem for line in found.left_out}
    files = (path for path in images.rglob("*") if path.suffix.lower() in SUFFIXES)
    found.unlabelled = sorted(path.name for path in files if path.stem not in named)
    return found


def _samples(images: Path, labels: Path) -> list[Sample]:
    with labels.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = {c.lower(): c for c in reader.fieldnames or []}
        codes = {code: columns[code] for code in taxonomy.BY_CODE if code in columns}
        if len(codes) < 2:
            return read_folder(images, labels).samples
        rows = list(reader)
    name = next((columns[c] for c in ("image", "image_id", "isic_id") if c in columns), None)
    if name is None:
        raise DataError(f"{labels} has a column a class, but none that names the image.")
    paths = {path.stem: path for path in images.rglob("*") if path.is_file()}
    group = next((columns[c] for c in ("patient_id", "lesion_id") if c in columns), name)
    samples = []
    for row in rows:
        stem = Path(row[name]).stem
        path = paths.get(stem, images / stem)
        samples.append(Sample(path, _marked(row, codes, labels), row[group] or stem))
    return samples


def _marked(row: dict[str, str], codes: dict[str, str], labels: Path) -> str:
    """The one class that a row marks with 1."""
    try:
        marked = [code for code, column in codes.items() if float(row[column] or 0) >= 0.5]
    except ValueError as error:
        raise DataError(f"{labels} marks a class without a number: {error}.") from error
    if len(marked) != 1:
        raise DataError(f"{labels}: {next(iter(row.values()))} has {len(marked)} classes marked.")
    return marked[0]
