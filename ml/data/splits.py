"""Splits that are stratified by class and never part a group."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ml.data.groups import merge_groups
from ml.data.samples import Sample
from ml.data.tables import read_rows
from ml.errors import DataError

__all__ = [
    "Splits",
    "all_but_test",
    "check_no_leak",
    "fold",
    "group_folds",
    "merge_groups",
    "read_split",
    "split",
    "split_all",
]


class Splits(NamedTuple):
    """``validation`` is empty where it was learnt too (``all_but_test``)."""

    train: list[Sample]
    validation: list[Sample]
    test: list[Sample]


def split(samples: Sequence[Sample], fractions: Sequence[float], seed: int) -> Splits:
    """Split into train, validation and test by ``fractions``, the same for the same ``seed``.

    Class by class, the shuffled groups each go to the part that lacks most. A group with several
    classes counts as its first.
    """
    parts = Splits(*_deal_all(samples, fractions, seed))
    check_no_leak(parts)
    return parts


def fold(samples: Sequence[Sample], index: int, folds: int, seed: int) -> Splits:
    """Cross-validation: the fold ``index`` (from 1) of ``folds`` is the test part.

    The fold after it is for validation, and the others are for training.
    """
    if folds < 3 or not 1 <= index <= folds:
        raise DataError(
            f"There is no fold {index} of {folds}; there are 1 to N, and N is 3 or more."
        )
    pieces = _deal_all(samples, [1 / folds] * folds, seed)
    test, validation = index - 1, index % folds
    train = [s for k, piece in enumerate(pieces) if k not in (test, validation) for s in piece]
    parts = Splits(train, pieces[validation], pieces[test])
    check_no_leak(parts)
    return parts


def split_all(
    datasets: Sequence[Sequence[Sample]], fractions: Sequence[float], seed: int
) -> Splits:
    """Split each data set as if it were alone, so that adding one moves no image of another.

    An image that an earlier data set has (the same name) is left out of the later one, and images
    of an earlier one's group follow it.
    """
    parts = Splits([], [], [])
    place: dict[str, int] = {}
    names: set[str] = set()
    for samples in datasets:
        new = [sample for sample in samples if sample.path.stem not in names]
        fresh = split([s for s in new if s.group not in place], fractions, seed)
        for index, (part, more) in enumerate(zip(parts, fresh, strict=True)):
            part.extend(more)
            part.extend(s for s in new if place.get(s.group) == index)
        place |= {s.group: index for index, part in enumerate(parts) for s in part}
        names |= {sample.path.stem for sample in new}
    check_no_leak(parts)
    return parts


def read_split(samples: Sequence[Sample], file: Path) -> Splits:
    """The split that a CSV gives: image (name or stem), split (train, validation or test).

    Images that it does not name are left out. Raises DataError for another word, or a leak.
    """
    words = {"train": 0, "training": 0, "validation": 1, "val": 1, "test": 2}
    rows = read_rows(file, "image", "split")
    parts = Splits([], [], [])
    by_name = {sample.path.stem: sample for sample in samples}
    for row in rows:
        part = words.get(row["split"].strip().lower())
        if part is None:
            raise DataError(f"{file}: '{row['split']}' is none of train, validation and test.")
        sample = by_name.get(Path(row["image"]).stem)
        if sample is None:
            raise DataError(f"{file} names {row['image']}, which the data set does not have.")
        parts[part].append(sample)
    check_no_leak(parts)
    return parts


def all_but_test(parts: Splits) -> Splits:
    """The same split with the validation part among what is learnt."""
    return Splits([*parts.train, *parts.validation], [], parts.test)


def group_folds(groups: Sequence[str], folds: int, seed: int) -> np.ndarray:
    """The fold (N,), from 0, of each image, drawn by group; as many groups in each as can be."""
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    drawn: np.ndarray = np.random.default_rng(seed).permutation(int(member.max()) + 1)[member]
    return drawn % folds


def _deal_all(
    samples: Sequence[Sample], fractions: Sequence[float], seed: int
) -> list[list[Sample]]:
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda s: s.path.name):
        groups[sample.group].append(sample)
    by_class: dict[str, list[list[Sample]]] = defaultdict(list)
    for name in sorted(groups):
        by_class[groups[name][0].label].append(groups[name])
    parts: list[list[Sample]] = [[] for _ in fractions]
    for label in sorted(by_class):
        _deal(by_class[label], parts, fractions, random.Random(f"{seed}-{label}"))
    return parts


def _deal(
    groups: list[list[Sample]],
    parts: list[list[Sample]],
    fractions: Sequence[float],
    rng: random.Random,
) -> None:
    rng.shuffle(groups)
    total = sum(len(group) for group in groups)
    lacking = [total * fraction for fraction in fractions]
    for group in groups:
        target = max(range(len(parts)), key=lambda i: lacking[i])
        parts[target].extend(group)
        lacking[target] -= len(group)


def check_no_leak(parts: Splits) -> None:
    """Raise DataError if a group or a file stands in two parts."""
    seen: dict[str, str] = {}
    for name, part in zip(parts._fields, parts, strict=True):
        keys = {f"group {s.group}" for s in part} | {f"file {s.path}" for s in part}
        keys |= {f"patient {s.patient}" for s in part if s.patient}
        keys |= {f"lesion {s.lesion}" for s in part if s.lesion}
        for key in keys:
            if seen.setdefault(key, name) != name:
                raise DataError(f"The split leaks: {key} is in {seen[key]} and in {name}.")
