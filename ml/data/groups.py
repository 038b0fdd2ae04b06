"""What must stay in one split: all images of a patient, of a lesion, and near-duplicates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ml.data.samples import Sample


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


def group_samples(
    samples: Sequence[Sample], duplicates: Iterable[tuple[str, str]] = ()
) -> list[Sample]:
    """Give each sample its group: the patient if known, else the lesion, else the image alone.

    ``duplicates`` are pairs of image names (stems) that show the same; their groups become one, and
    so do those of a lesion whose patient is known for some of its images only.
    """
    group_of = {s.path.stem: s.patient or s.lesion or s.path.stem for s in samples}
    links = [(s.patient, s.lesion) for s in samples if s.patient and s.lesion]
    links += [(group_of[a], group_of[b]) for a, b in duplicates if a in group_of and b in group_of]
    merged = merge_groups(links)
    groups = [group_of[sample.path.stem] for sample in samples]
    return [
        replace(sample, group=merged.get(group, group))
        for sample, group in zip(samples, groups, strict=True)
    ]
