"""Which images an epoch shows, as batches of indices drawn from a seed."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from ml.config import Sampling
from ml.data.samples import Sample
from ml.errors import DataError, TrainingError

Draw = Callable[[int, int, Generator], list[Tensor]]  # steps, batch size, generator to batches


def natural_shares(labels: Tensor, classes: Sequence[str]) -> Tensor:
    """Share of each class in the data, (K,).

    Raises DataError where a class has no image, for nothing could be learned of it.
    """
    counts = torch.bincount(labels, minlength=len(classes)).double()
    missing = [code for code, count in zip(classes, counts, strict=True) if not count]
    if len(classes) - len(missing) < 2:
        raise DataError("The training part has images of one class only; there is nothing to tell.")
    if missing:
        raise DataError(
            "Every class of the recipe needs at least one image for training; there is none of: "
            f"{', '.join(missing)}. Other classes are chosen by --set classes=mel,nv,bkl."
        )
    return counts / counts.sum()


def drawn_shares(labels: Tensor, classes: Sequence[str], balance: float) -> Tensor:
    """Share of each class among the samples drawn, (K,): proportional to count^(1 - balance)."""
    shares = natural_shares(labels, classes) ** (1 - balance)
    return shares / shares.sum()


def weighted(
    config: Sampling, samples: Sequence[Sample], labels: Tensor, classes: Sequence[str]
) -> tuple[Draw, Tensor]:
    """Images drawn with replacement, each class as often as ``balance`` says."""
    shares = drawn_shares(labels, classes, config.balance)
    counts = torch.bincount(labels, minlength=len(classes))
    weights = (shares / counts)[labels]  # (N,)

    def draw(steps: int, size: int, generator: Generator) -> list[Tensor]:
        return list(torch.multinomial(weights, steps * size, True, generator=generator).split(size))

    return draw, shares


def contextual(
    config: Sampling, samples: Sequence[Sample], labels: Tensor, classes: Sequence[str]
) -> tuple[Draw, Tensor]:
    """Whole patients: every other one with a positive image, several images of each.

    Of a positive patient's images the first drawn is a positive one, so that it is shown.
    """
    positive = torch.tensor([sample.label in config.positive for sample in samples])
    patients: dict[str, list[int]] = defaultdict(list)
    for index, sample in enumerate(samples):
        patients[sample.group].append(index)
    with_it = [members for members in patients.values() if positive[members].any()]
    without = [members for members in patients.values() if not positive[members].any()]
    if not with_it or not without:
        raise DataError(
            "Contextual sampling needs patients with and without an image of "
            f"{', '.join(config.positive)}."
        )

    def draw(steps: int, size: int, generator: Generator) -> list[Tensor]:
        patients = -(-size // config.per_patient)  # of a batch
        turn = itertools.count()  # on through the batches, which may be of an odd number

        def batch() -> Tensor:
            chosen: list[int] = []
            for _ in range(patients):
                pool = with_it if next(turn) % 2 else without
                members = pool[int(torch.randint(len(pool), (), generator=generator))]
                chosen += _some(members, positive, config.per_patient, generator)
            return torch.tensor(chosen[:size])

        return [batch() for _ in range(steps)]

    drawn_once = torch.cat(draw(200, 64, Generator().manual_seed(0)))
    drawn = torch.bincount(labels[drawn_once], minlength=len(classes)).double() + 1
    natural_shares(labels, classes)
    return draw, drawn / drawn.sum()


def _some(members: list[int], positive: Tensor, count: int, generator: Generator) -> list[int]:
    order = torch.tensor(members)[torch.randperm(len(members), generator=generator)]
    order = order[torch.argsort(positive[order].int(), descending=True, stable=True)]
    first, rest = order[:1], order[1:]
    rest = rest[torch.randperm(len(rest), generator=generator)]
    repeats = -(-count // len(members))
    return torch.cat([first, rest]).repeat(repeats)[:count].tolist()


SAMPLERS = {"weighted": weighted, "contextual": contextual}


def build_sampler(
    config: Sampling, samples: Sequence[Sample], labels: Tensor, classes: Sequence[str]
) -> tuple[Draw, Tensor]:
    """The function that draws an epoch, and the classes' shares in what it draws, (K,)."""
    if config.name not in SAMPLERS:
        raise TrainingError(f"There is no sampler '{config.name}'; there are: weighted, contextual")
    return SAMPLERS[config.name](config, samples, labels, classes)
