"""How answers hold where another camera shows the same lesions: a cast, other light, less focus."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ml import metrics
from ml.config import Preprocessing
from ml.evaluation import SUBGROUP_FIGURES, Answers, own_answer
from ml.predictor import Predictor
from ml.preprocessing import normalise, shown
from ml.reading import read_images


class Change(NamedTuple):
    """``apply`` is of pictures (B, 3, H, W) in [0, 1]; what leaves that range is cut off."""

    says: str
    apply: Callable[[Tensor], Tensor]


def _channels(red: float, green: float, blue: float) -> Callable[[Tensor], Tensor]:
    return lambda pictures: pictures * torch.tensor([red, green, blue]).view(3, 1, 1)


def _soften(pictures: Tensor) -> Tensor:
    half = F.interpolate(pictures, scale_factor=0.5, mode="bilinear", antialias=True)
    return F.interpolate(half, pictures.shape[2:], mode="bilinear")


# a cast that two dermatoscopes, or one before and after its white balance, may differ by
CHANGES = {
    "warmer": Change("red 8% stronger, blue 8% weaker", _channels(1.08, 1.0, 0.92)),
    "cooler": Change("red 8% weaker, blue 8% stronger", _channels(0.92, 1.0, 1.08)),
    "greener": Change("green 6% stronger, red and blue 4% weaker", _channels(0.96, 1.06, 0.96)),
    "more magenta": Change(
        "green 6% weaker, red and blue 4% stronger", _channels(1.04, 0.94, 1.04)
    ),
    "darker": Change("15% less light", _channels(0.85, 0.85, 0.85)),
    "brighter": Change("15% more light", _channels(1.15, 1.15, 1.15)),
    "softer": Change("half as many pixels a side", _soften),
}


# a channel's gain that ``random_casts`` draws at most, either way, as a logarithm
CAST = 0.1


def random_casts(config: Preprocessing, seed: int = 0) -> Callable[[Tensor], Tensor]:
    """Give each of the prepared images (B, 3, H, W) a cast of its own, drawn in their order."""
    generator = torch.Generator().manual_seed(seed)

    def cast(pictures: Tensor) -> Tensor:
        gains = torch.rand(len(pictures), 3, 1, 1, generator=generator) * 2 - 1
        return pictures * (gains * CAST).exp()

    return _at_pixels(cast, config)


def ask_changed(
    predictor: Predictor, answers: Answers, keep: Path | None = None
) -> dict[str, Answers]:
    """What the model says of the images of ``answers`` under each of CHANGES, by its name.

    ``keep`` is a folder for those of ``ml.reading.read_images``.
    """
    paths, config = [sample.path for sample in answers.samples], predictor.manifest.preprocessing
    found = {}
    for name, change in CHANGES.items():
        kept = keep / name if keep else None
        seen = _at_pixels(change.apply, config)
        read = read_images(predictor, paths, change=seen, keep=kept).answer
        found[name] = Answers(read.probabilities, answers.labels, answers.samples, answer=read)
    return found


def measure_changes(
    answers: Answers,
    changed: Mapping[str, Answers],
    classes: Sequence[str],
    refusal: metrics.Limits | None = None,
) -> list[dict[str, Any]]:
    """What is left of the quality of ``answers`` under each change (see ``ask_changed``), as JSON.

    Each entry has ``name``, ``says`` and ``figures`` with intervals: those of a subgroup, the share
    of ``same_answer`` (the likeliest class is the one without the change) and, where ``refusal``
    has limits, those of refusal.
    """
    return [
        {
            "name": name,
            "says": CHANGES[name].says,
            "figures": _measure(answers, seen, classes, refusal),
        }
        for name, seen in changed.items()
    ]


def _measure(
    answers: Answers, seen: Answers, classes: Sequence[str], refusal: metrics.Limits | None
) -> dict[str, Any]:
    labels, probabilities = seen.labels, seen.probabilities
    same = probabilities.argmax(1) == answers.probabilities.argmax(1)
    outlier = own_answer(seen).outlier_scores

    def figures(weights: np.ndarray) -> metrics.Figures:
        every = metrics.overall_figures(labels, probabilities, classes, weights)
        given = {name: every[name] for name in SUBGROUP_FIGURES if name in every}
        given["same_answer"] = float(np.average(same, weights=weights))
        if refusal and outlier is not None:
            given |= metrics.refusal_figures(outlier, refusal, weights)
        return given

    return metrics.bootstrap(figures, answers.groups)


def _at_pixels(
    change: Callable[[Tensor], Tensor], config: Preprocessing
) -> Callable[[Tensor], Tensor]:
    """The change of pictures that were normalised already."""
    return lambda images: normalise(change(shown(images, config)).clamp(0, 1).mul_(255), config)
