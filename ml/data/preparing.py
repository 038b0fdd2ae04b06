"""Several data sets, with the recipe's classes, as one that can be split and described."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ml.data import read_dataset
from ml.data.duplicates import find_duplicates
from ml.data.groups import group_samples
from ml.data.samples import Dataset
from ml.data.splits import Splits, fold, read_split, split, split_all
from ml.errors import DataError
from ml.taxonomy import BY_CODE
from ml.taxonomy import fold as coarser


def prepare_datasets(
    paths: Iterable[Path],
    classes: Sequence[str],
    mapping: Mapping[str, str],
    duplicates: str = "listed",
) -> list[Dataset]:
    """Read every path and turn its labels into ``classes``.

    A label is first renamed by ``mapping`` (code to code), then folded into the class that it
    belongs to (ml.taxonomy.fold); images of classes that the recipe does not tell are left out, and
    listed. ``duplicates`` is "listed" (those that the data set lists itself), "bytes" (equal files
    too) or "looks" (pictures that look the same too).
    """
    unknown = sorted((set(mapping) | set(mapping.values())) - set(BY_CODE))
    if unknown:
        raise DataError(f"'{unknown[0]}' is no class code that this project knows.")
    datasets = [_relabel(read_dataset(path), tuple(classes), mapping) for path in paths]
    return [_link(dataset, duplicates) for dataset in datasets]


def _relabel(dataset: Dataset, classes: tuple[str, ...], mapping: Mapping[str, str]) -> Dataset:
    samples, left_out = [], list(dataset.left_out)
    for sample in dataset.samples:
        label = coarser(mapping.get(sample.label, sample.label), classes)
        if label in classes:
            samples.append(replace(sample, label=label))
        else:
            left_out.append(f"{sample.path.name}: {sample.label} is no class of the recipe")
    if not samples:
        raise DataError(f"{dataset.name} has no image of the recipe's classes.")
    return replace(dataset, samples=samples, left_out=left_out)


def _link(dataset: Dataset, duplicates: str) -> Dataset:
    if duplicates == "listed":
        return dataset
    pairs = find_duplicates([sample.path for sample in dataset.samples], duplicates)
    # groups that were joined before stay joined
    kept = [replace(s, patient=s.group) for s in dataset.samples]
    grouped = group_samples(kept, pairs)
    samples = [replace(s, group=g.group) for s, g in zip(dataset.samples, grouped, strict=True)]
    return replace(dataset, samples=samples)


def split_datasets(
    datasets: Sequence[Dataset],
    fractions: Sequence[float],
    seed: int,
    file: Path | None = None,
    folds: tuple[int, int] | None = None,
) -> Splits:
    """Split by the CSV ``file``, or into ``folds`` (index, number), or else by ``fractions``."""
    samples = [sample for dataset in datasets for sample in dataset.samples]
    if file is not None:
        return read_split(samples, file)
    if folds is not None:
        return fold(samples, *folds, seed)
    if len(datasets) == 1:
        return split(samples, fractions, seed)
    return split_all([dataset.samples for dataset in datasets], fractions, seed)


def join_datasets(datasets: Sequence[Dataset]) -> Dataset:
    """All of them as one, for the model card."""

    def joined(texts: Iterable[str], by: str) -> str:
        return by.join(dict.fromkeys(texts))

    return Dataset(
        joined((d.name for d in datasets), " + "),
        [sample for d in datasets for sample in d.samples],
        joined((d.licence for d in datasets), "; "),
        joined((d.attribution for d in datasets), "; "),
        [line for d in datasets for line in d.left_out],
        # what one data set lacks another may have
        datasets[0].intended_range if len(datasets) == 1 else {},
    )
