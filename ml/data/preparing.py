"""Several data sets, with the recipe's classes, as one that can be split and described."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ml.data import read_dataset
from ml.data.archive import archive_image, is_archive_lesion
from ml.data.duplicates import digest_of, find_duplicates
from ml.data.groups import link_groups
from ml.data.samples import Dataset, Sample
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
    too) or "looks" (pictures that look the same too), of all data sets together. An image that an
    earlier data set has is left out of the later, and listed: the same number of the ISIC archive,
    or the same name and the same bytes.
    """
    unknown = sorted((set(mapping) | set(mapping.values())) - set(BY_CODE))
    if unknown:
        raise DataError(f"'{unknown[0]}' is no class code that this project knows.")
    datasets = [_relabel(read_dataset(path), tuple(classes), mapping) for path in paths]
    return _link(_leave_out_repeated(datasets), duplicates)


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


def _leave_out_repeated(datasets: Sequence[Dataset]) -> list[Dataset]:
    earlier: dict[str, list[Path]] = defaultdict(list)
    distinct = []
    for dataset in datasets:
        fresh, left_out = [], list(dataset.left_out)
        for sample in dataset.samples:
            before = earlier.get(archive_image(sample.path.stem) or sample.path.stem, [])
            if any(_is_same(path, sample.path) for path in before):
                left_out.append(f"{sample.path.name}: an earlier data set has it")
            else:
                fresh.append(sample)
        if not fresh:
            raise DataError(f"{dataset.name} has no image that an earlier data set has not.")
        for sample in dataset.samples:
            earlier[archive_image(sample.path.stem) or sample.path.stem].append(sample.path)
        distinct.append(replace(dataset, samples=fresh, left_out=left_out))
    return distinct


def _is_same(first: Path, second: Path) -> bool:
    if archive_image(second.stem):
        return True
    there = first.is_file() and second.is_file()
    return there and digest_of(first) == digest_of(second)


def _link(datasets: list[Dataset], duplicates: str) -> list[Dataset]:
    """Join the groups of what is one lesion or patient in several data sets, and of duplicates."""
    samples = [dataset.samples for dataset in datasets]
    first: dict[str, Path] = {}
    pairs = [
        (first.setdefault(name, sample.path), sample.path)
        for part in samples
        for sample in part
        for name in _names(sample)
    ]
    if duplicates != "listed":
        pairs += find_duplicates([s.path for part in samples for s in part], duplicates)
    linked = link_groups(samples, pairs)
    return [replace(d, samples=part) for d, part in zip(datasets, linked, strict=True)]


def _names(sample: Sample) -> list[str]:
    """What a sample shares with others, whatever data set they come from."""
    lesion = [f"lesion {sample.lesion}"] if is_archive_lesion(sample.lesion) else []
    return lesion + ([f"patient {sample.patient}"] if sample.patient else [])


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
