"""Splits that are stratified by class and never part a group."""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ml.data.archive import archive_image, is_archive_lesion
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
    "held_out",
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

    Images of an earlier one's group follow it.
    """
    parts = Splits([], [], [])
    place: dict[str, int] = {}
    for samples in datasets:
        fresh = split([s for s in samples if s.group not in place], fractions, seed)
        for index, (part, more) in enumerate(zip(parts, fresh, strict=True)):
            part.extend(more)
            part.extend(s for s in samples if place.get(s.group) == index)
        place |= {s.group: index for index, part in enumerate(parts) for s in part}
    check_no_leak(parts)
    return parts


def read_split(samples: Sequence[Sample], file: Path) -> Splits:
    """The split that a CSV gives: image (name or stem), split (train, validation or test).

    Images that it does not name are left out. Raises DataError for another word, or a leak.
    """
    words = {"train": 0, "training": 0, "validation": 1, "val": 1, "test": 2}
    rows = read_rows(file, "image", "split")
    parts = Splits([], [], [])
    by_name = _by_name(samples)
    for row in rows:
        part = words.get(row["split"].strip().lower())
        if part is None:
            raise DataError(f"{file}: '{row['split']}' is none of train, validation and test.")
        found = by_name.get(row["image"]) or by_name.get(Path(row["image"]).stem, [])
        if len(found) > 1:
            raise DataError(f"{file} names {row['image']}, which may be any of {len(found)} files.")
        if not found:
            raise DataError(f"{file} names {row['image']}, which the data set does not have.")
        parts[part].append(found[0])
    check_no_leak(parts)
    # a row may stand twice
    return Splits(*(list({sample.path: sample for sample in part}.values()) for part in parts))


def all_but_test(parts: Splits) -> Splits:
    """The same split with the validation part among what is learnt."""
    return Splits([*parts.train, *parts.validation], [], parts.test)


def held_out(parts: Splits) -> str:
    """SHA-256 of the names (stems) of what is not trained on, by which a split is known again."""
    names = [sorted(sample.path.stem for sample in part) for part in (parts.validation, parts.test)]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def _by_name(samples: Sequence[Sample]) -> dict[str, list[Sample]]:
    """Samples by their stem, and by their folder and name."""
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        inside = f"{sample.path.parent.name}/{sample.path.name}"
        for name in {sample.path.stem, inside}:
            found[name].append(sample)
    return found


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
    """Raise DataError if a group, a patient, a file or an image of the archive is in two parts."""
    seen: dict[str, str] = {}
    for name, part in zip(parts._fields, parts, strict=True):
        keys = {f"group {s.group}" for s in part} | {f"file {s.path}" for s in part}
        keys |= {f"patient {s.patient}" for s in part if s.patient}
        keys |= {f"lesion {s.lesion}" for s in part if is_archive_lesion(s.lesion)}
        keys |= {f"image {number}" for s in part if (number := archive_image(s.path.stem))}
        for key in keys:
            if seen.setdefault(key, name) != name:
                raise DataError(f"The split leaks: {key} is in {seen[key]} and in {name}.")
