"""Splits that are stratified by class and never part a group."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ml.data.samples import Sample
from ml.errors import DataError


class Splits(NamedTuple):
    train: list[Sample]
    validation: list[Sample]
    test: list[Sample]


def merge_groups(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Union-find: linked groups to one common name (the smallest of them)."""
    parent: dict[str, str] = {}

    def root(group: str) -> str:
        while parent.setdefault(group, group) != group:
            group = parent[group]
        return group

    for a, b in pairs:
        first, second = sorted((root(a), root(b)))
        parent[second] = first
    return {group: root(group) for group in parent}


def split(samples: Sequence[Sample], fractions: Sequence[float], seed: int) -> Splits:
    """Split into train, validation and test by ``fractions``, the same for the same ``seed``.

    Class by class, the shuffled groups each go to the part that lacks most. A group with several
    classes counts as its first.
    """
    groups: dict[str, list[Sample]] = defaultdict(list)
    for sample in sorted(samples, key=lambda s: s.path.name):
        groups[sample.group].append(sample)
    by_class: dict[str, list[list[Sample]]] = defaultdict(list)
    for name in sorted(groups):
        by_class[groups[name][0].label].append(groups[name])
    parts = Splits([], [], [])
    for label in sorted(by_class):
        _deal(by_class[label], parts, fractions, random.Random(f"{seed}-{label}"))
    check_no_leak(parts)
    return parts


def _deal(
    groups: list[list[Sample]], parts: Splits, fractions: Sequence[float], rng: random.Random
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
        for key in {f"group {s.group}" for s in part} | {f"file {s.path}" for s in part}:
            if seen.setdefault(key, name) != name:
                raise DataError(f"The split leaks: {key} is in {seen[key]} and in {name}.")
