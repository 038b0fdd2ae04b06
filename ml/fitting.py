"""The epochs of a run, with a state on disk that survives whatever stops it."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from ml.augmentation import to_canvas
from ml.checkpoints import load_classifier
from ml.config import Recipe
from ml.data.cache import Cache, load_cache
from ml.data.splits import Splits
from ml.devices import pick_device
from ml.errors import TrainingError
from ml.preprocessing import normalise, to_pixels
from ml.training import Trainer, log_probabilities

RUN = "run"  # the folder of a run's own files, inside the checkpoint's folder
BEST = "best.safetensors"


def fit(
    recipe: Recipe, parts: Splits, out: Path, resume: bool = False, start: Path | None = None
) -> list[str]:
    """Train ``recipe`` and keep the best weights in ``out``/run/best.safetensors.

    Best is the highest balanced accuracy on the validation part. After every epoch the whole state
    is written, and ``resume`` goes on from it. ``start`` is a checkpoint whose weights the first
    epoch begins with, so that a schedule can be run again (a warm restart). Returns the files that
    could not be read. Raises TrainingError if ``out`` holds another run, or the loss is no longer a
    number, and CheckpointError if ``start`` cannot be loaded.
    """
    run = out / RUN
    run.mkdir(parents=True, exist_ok=True)
    canvas = partial(to_canvas, config=recipe.preprocessing)
    square = partial(to_pixels, config=recipe.preprocessing)
    train = load_cache(parts.train, recipe.classes, canvas, "decode for training")
    validation = load_cache(parts.validation, recipe.classes, square, "decode for validation")
    trainer = Trainer(recipe, train, pick_device())
    if start is not None:
        trainer.start_from(load_classifier(start))
    first, best = _start(trainer, recipe, run, resume)
    for epoch in range(first, recipe.training.epochs):
        started = time.monotonic()
        loss = trainer.run_epoch(epoch)
        score = _score(trainer, recipe, validation)
        if score >= best:
            best = score
            _save_weights(trainer, run / BEST)
        _save_state(trainer, recipe, epoch + 1, best, run)
        seconds = time.monotonic() - started
        _log(run, epoch=epoch + 1, loss=loss, balanced_accuracy=score, seconds=seconds)
    return train.skipped + validation.skipped


def _start(trainer: Trainer, recipe: Recipe, run: Path, resume: bool) -> tuple[int, float]:
    """The first epoch to run and the best score so far."""
    file = run / "state.pt"
    if not file.exists():
        return 0, -1.0
    if not resume:
        raise TrainingError(f"{run} holds a run already; add --resume, or choose another folder.")
    state = torch.load(file, weights_only=True, map_location=trainer.device)
    if state["recipe"] != _fingerprint(recipe):
        raise TrainingError(f"{run} holds a run of another configuration; choose another folder.")
    trainer.load_state_dict(state["trainer"])
    return state["epoch"], state["best"]


def _fingerprint(recipe: Recipe) -> str:
    return json.dumps(asdict(recipe), sort_keys=True)


def _save_state(trainer: Trainer, recipe: Recipe, epoch: int, best: float, run: Path) -> None:
    state = {
        "recipe": _fingerprint(recipe),
        "epoch": epoch,
        "best": best,
        "trainer": trainer.state_dict(),
    }
    torch.save(state, run / "state.new")
    os.replace(run / "state.new", run / "state.pt")


def _save_weights(trainer: Trainer, file: Path) -> None:
    tensors = {k: v.contiguous().cpu() for k, v in trainer.ema.model.state_dict().items()}
    save_file(tensors, file.with_suffix(".new"))
    os.replace(file.with_suffix(".new"), file)


def _score(trainer: Trainer, recipe: Recipe, validation: Cache) -> float:
    images = normalise(validation.pixels, recipe.preprocessing)
    answers = log_probabilities(trainer.ema.model, images, trainer.device).argmax(1)
    labels = validation.labels.numpy()
    recalls = [(answers[labels == k] == k).mean() for k in np.unique(labels)]
    return float(np.mean(recalls))


def _log(run: Path, **figures: Any) -> None:
    with (run / "log.jsonl").open("a") as file:
        file.write(json.dumps({k: round(v, 4) for k, v in figures.items()}) + "\n")


def with_epochs(recipe: Recipe, epochs: int | None) -> Recipe:
    """The recipe with another length, its warm-up shortened to fit."""
    if epochs is None:
        return recipe
    warmup = min(recipe.training.warmup_epochs, epochs // 2)
    return replace(recipe, training=replace(recipe.training, epochs=epochs, warmup_epochs=warmup))
