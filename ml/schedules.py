"""The share of its peak that the learning rate has at each step.

All are pure functions of what has happened, so that a resumed run needs no state of theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ml.config import Schedule, Training
from ml.errors import TrainingError


def constant(done: float, total: float, config: Schedule, scores: Sequence[float]) -> float:
    return 1.0


def step(done: float, total: float, config: Schedule, scores: Sequence[float]) -> float:
    return config.factor ** (done // config.epochs)


def exponential(done: float, total: float, config: Schedule, scores: Sequence[float]) -> float:
    return config.factor ** math.floor(done)


def cosine(done: float, total: float, config: Schedule, scores: Sequence[float]) -> float:
    """Half a cosine to zero (Loshchilov and Hutter, arXiv:1608.03983)."""
    return 0.5 * (1 + math.cos(math.pi * done / max(total, 1e-9)))


def restarts(done: float, total: float, config: Schedule, scores: Sequence[float]) -> float:
    """Cosines, each ``growth`` times as long as the one before (the same paper, section 3)."""
    length = float(config.epochs)
    while done >= length:
        done, length = done - length, length * config.growth
    return cosine(done, length, config, scores)


def plateau(done: float, total: float, config: Schedule, scores: Sequence[float]) -> float:
    """Down by ``factor`` each time ``epochs`` in a row have brought no better score."""
    best, waited, drops = -math.inf, 0, 0
    for score in scores:
        waited = 0 if score > best else waited + 1
        best = max(best, score)
        if waited == config.epochs:
            waited, drops = 0, drops + 1
    return config.factor**drops


SCHEDULES: dict[str, Callable[[float, float, Schedule, Sequence[float]], float]] = {
    "constant": constant,
    "step": step,
    "cosine": cosine,
    "restarts": restarts,
    "exponential": exponential,
    "plateau": plateau,
}


def rate_share(step: int, per_epoch: int, config: Training, scores: Sequence[float] = ()) -> float:
    """The share of the peak rate at ``step`` (from 0), with ``per_epoch`` steps an epoch.

    A linear warm-up, then the schedule, which counts its epochs from the end of the warm-up.
    ``scores`` are the validation scores of the epochs that are done.
    """
    warmup = config.warmup_epochs * per_epoch
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / per_epoch
    total = config.epochs - config.warmup_epochs
    _check(config.schedule)
    share = _find(config.schedule.name)(done, total, config.schedule, scores)
    return max(share, config.schedule.floor)


def _check(config: Schedule) -> None:
    # without epochs, or with ever shorter ones, restarts would not come to an end
    if config.epochs < 1 or not 1 <= config.growth < math.inf:
        raise TrainingError(
            "A schedule needs 'epochs' of 1 or more and a 'growth' of 1 or more, and has "
            f"{config.epochs} and {config.growth:g}."
        )


def _find(name: str) -> Callable[[float, float, Schedule, Sequence[float]], float]:
    if name not in SCHEDULES:
        raise TrainingError(f"There is no schedule '{name}'; there are: {', '.join(SCHEDULES)}.")
    return SCHEDULES[name]


def out_of_patience(scores: Sequence[float], patience: int) -> bool:
    """Whether the last ``patience`` epochs all failed to raise the score; never where it is 0."""
    if not patience or len(scores) <= patience:
        return False
    return max(scores[-patience:]) <= max(scores[:-patience])
