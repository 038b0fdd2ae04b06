"""One labelled image, whatever data set it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ml import taxonomy
from ml.errors import DataError


@dataclass(frozen=True)
class Sample:
    """``group`` is what must stay in one split: the patient, or the lesion where none is known."""

    path: Path
    label: str  # class code
    group: str
    attributes: dict[str, str] = field(default_factory=dict)  # sex, age, site
    patient: str = ""
    lesion: str = ""
    mask: Path | None = None  # an expert's, white on the lesion


@dataclass(frozen=True)
class Dataset:
    """Labelled images and what must be said about them.

    ``left_out`` says "file: reason" for images that the tables list and training cannot use.
    ``intended_range`` says for whom a model of these images is not meant: ``age_from`` in years,
    ``sites_outside`` in ISIC's words (anatom_site_general).
    """

    name: str
    samples: list[Sample]
    licence: str
    attribution: str
    left_out: list[str] = field(default_factory=list)
    intended_range: dict[str, Any] = field(default_factory=dict)


def once_each(samples: Sequence[Sample], table: Path) -> tuple[list[Sample], list[str]]:
    """One sample a file, and "file: reason" for the rows of ``table`` that repeat one.

    Raises DataError for a file that has two labels.
    """
    first: dict[Path, Sample] = {}
    repeated = []
    for sample in samples:
        known = first.setdefault(sample.path, sample)
        if known.label != sample.label:
            raise DataError(
                f"{table} calls {sample.path.name} both {known.label} and {sample.label}."
            )
        if known is not sample:
            repeated.append(f"{sample.path.name}: the table names it more than once")
    return list(first.values()), repeated


def class_code(word: str, place: str) -> str:
    """The code of a class from its code or its label, in any case.

    Raises DataError, naming the ``place`` where the word stands, if it is neither.
    """
    key = word.strip().lower()
    entry = taxonomy.BY_CODE.get(key) or taxonomy.BY_ANSWER.get(key)
    if entry is None:
        raise DataError(f"{place}: '{word}' is no class code or label that this project knows.")
    return entry.code


def fold_labels(dataset: Dataset, classes: tuple[str, ...]) -> Dataset:
    """The data set for a model of ``classes``, which may be coarser (see ml.taxonomy.fold)."""
    folded = [replace(s, label=taxonomy.fold(s.label, classes)) for s in dataset.samples]
    return replace(dataset, samples=folded)


def check_labels(samples: Sequence[Sample], classes: Sequence[str]) -> None:
    """Raise DataError if a label is not among the model's ``classes``."""
    unknown = {sample.label for sample in samples} - set(classes)
    if unknown:
        raise DataError(f"The model does not give these classes: {', '.join(sorted(unknown))}.")


def label_indices(samples: Sequence[Sample], classes: Sequence[str]) -> Tensor:
    """Each sample's place among ``classes``, int64 (N,). Raises DataError for one that has none."""
    check_labels(samples, classes)
    place = {code: index for index, code in enumerate(classes)}
    return torch.tensor([place[sample.label] for sample in samples], dtype=torch.long)


def count_classes(samples: Sequence[Sample]) -> dict[str, int]:
    return dict(sorted(Counter(sample.label for sample in samples).items()))
