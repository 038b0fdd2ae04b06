"""HAM10000 (Tschandl et al., Scientific Data 5:180161, 2018)."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

from ml.data.samples import Sample, class_code
from ml.data.splits import merge_groups
from ml.errors import DataError

METADATA = "HAM10000_metadata.csv"
LICENCE = "CC BY-NC 4.0"
ATTRIBUTION = (
    "HAM10000: P. Tschandl, C. Rosendahl, H. Kittler, Scientific Data 5:180161 (2018), "
    "ViDIR Group, Medical University of Vienna"
)


def read_ham10000(folder: Path) -> list[Sample]:
    """Read ``folder``/HAM10000_metadata.csv with ``folder``/images/ID.{jpg,webp,...}.

    The group is the lesion; lesions that near_duplicates.csv links become one group.
    """
    with (folder / METADATA).open(newline="") as file:
        rows = list(csv.DictReader(file))
    paths = {path.stem: path for path in (folder / "images").iterdir()}
    if not rows:
        raise DataError(f"{folder / METADATA} has no rows.")
    samples = [_sample(row, paths, folder) for row in rows]
    return _link_near_duplicates(samples, folder / "near_duplicates.csv")


def _sample(row: dict[str, str], paths: dict[str, Path], folder: Path) -> Sample:
    missing = folder / "images" / f"{row['image_id']}.jpg"
    return Sample(
        path=paths.get(row["image_id"], missing),
        label=class_code(row["dx"]),
        group=row["lesion_id"],
        attributes={"sex": row["sex"], "age": row["age"], "site": row["localization"]},
    )


def _link_near_duplicates(samples: list[Sample], pairs_file: Path) -> list[Sample]:
    if not pairs_file.exists():
        return samples
    group_of = {sample.path.stem: sample.group for sample in samples}
    with pairs_file.open(newline="") as file:
        stems = [(Path(r["from_img"]).stem, Path(r["to_img"]).stem) for r in csv.DictReader(file)]
    pairs = [(group_of[a], group_of[b]) for a, b in stems if a in group_of and b in group_of]
    merged = merge_groups(pairs)
    return [replace(sample, group=merged.get(sample.group, sample.group)) for sample in samples]
