"""What must stay in one split: all images of a patient, of a lesion, and near-duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from ml.data.samples import Sample

Name = TypeVar("Name", str, tuple[str, str])
PATIENT, LESION, IMAGE = "0", "1", "2"  # the names of different things, which may be the same words


def merge_groups(pairs: Iterable[tuple[Name, Name]]) -> dict[Name, Name]:
    """Union-find: linked groups to one common name (the smallest of them)."""
    parent: dict[Name, Name] = {}

    def root(group: Name) -> Name:
        while parent.setdefault(group, group) != group:
            group = parent[group]
        return group

    for a, b in pairs:
        first, second = sorted((root(a), root(b)))
        parent[second] = first
    return {group: root(group) for group in parent}


def group_samples(
    samples: Sequence[Sample], duplicates: Iterable[tuple[str, str]] = ()
) -> list[Sample]:
    """Give each sample its group: the patient if known, else the lesion, else the image alone.

    ``duplicates`` are pairs of image names (stems) that show the same; their groups become one. A
    lesion's name counts within its patient; where the patient is known for some of its images only,
    the others are theirs.
    """
    keys = [_key(sample) for sample in samples]
    key_of = {sample.path.stem: key for sample, key in zip(samples, keys, strict=True)}
    alone = {s.lesion for s in samples if s.lesion and not s.patient}
    links = [
        ((PATIENT, s.patient), (LESION, s.lesion))
        for s in samples
        if s.patient and s.lesion in alone
    ]
    links += [(key_of[a], key_of[b]) for a, b in duplicates if a in key_of and b in key_of]
    merged = merge_groups(links)
    names = _words({merged.get(key, key) for key in keys})
    return [
        replace(sample, group=names[merged.get(key, key)])
        for sample, key in zip(samples, keys, strict=True)
    ]


def link_groups(
    samples: Sequence[Sequence[Sample]], pairs: Iterable[tuple[Path, Path]]
) -> list[list[Sample]]:
    """The same data sets with the groups of each pair of files as one."""
    group_of = {sample.path: sample.group for part in samples for sample in part}
    merged = merge_groups((group_of[a], group_of[b]) for a, b in pairs)
    return [[replace(s, group=merged.get(s.group, s.group)) for s in part] for part in samples]


def _key(sample: Sample) -> tuple[str, str]:
    if sample.patient:
        return PATIENT, sample.patient
    if sample.lesion:
        return LESION, sample.lesion
    # the same name may stand in several folders
    return IMAGE, sample.group or sample.path.stem


def _words(keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """A name for each group: its own word, or with its kind where others have the same word."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for kind, word in sorted(keys):
        kinds[word].append(kind)
    said = {PATIENT: "patient", LESION: "lesion", IMAGE: "image"}
    return {
        (kind, word): word if kind == found[0] else f"{said[kind]} {word}"
        for word, found in kinds.items()
        for kind in found
    }
