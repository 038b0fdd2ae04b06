"""The epochs of a run, with a state on disk that survives whatever stops it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path

import torch
from safetensors.torch import load_file

from ml.augmentation import to_canvas
from ml.augmentation.canvas import canvas_shape
from ml.checkpoints import load_classifier
from ml.classifier import Classifier
from ml.config import Recipe
from ml.configuring import check_batch
from ml.data.loading import AT_ONCE, MEMORY, Images, load_images
from ml.data.splits import Splits
from ml.engine import processes_here, start_engine
from ml.errors import CheckpointError, DataError, TrainingError
from ml.heads.fitting import fit_head, is_fitted
from ml.manifest import read_manifest
from ml.preprocessing import normalise, to_pixels
from ml.runstate import (
    BEST,
    RUN,
    History,
    fingerprint,
    load_state,
    name_images,
    save_state,
    save_weights,
)
from ml.schedules import out_of_patience, rate_share
from ml.tracking import import_tensorboard, write_metrics, write_tensorboard
from ml.training import Trainer, training_size
from ml.validation import score_epoch

__all__ = ["BEST", "RUN", "fit", "with_epochs"]

Report = Callable[[int, float], None]  # epoch (from 1) and score


def fit(
    recipe: Recipe,
    parts: Splits,
    out: Path,
    resume: bool = False,
    start: Path | None = None,
    memory: float = MEMORY,
    tensorboard: bool = False,
    report: Report | None = None,
) -> list[str]:
    """Train ``recipe`` and keep the best weights in ``out``/run/best.safetensors.

    Best is the highest score on the validation part (ml.validation); where there is none, the last
    weights are kept and an epoch has no score. After every epoch the whole state is written, and
    ``resume`` goes on from it. ``start`` is a checkpoint whose weights the first epoch begins with,
    so that a schedule can be run again (a warm restart). Images that need more than ``memory`` GB
    are decoded batch by batch. ``report`` hears each epoch's score. Returns the files that could
    not be read.

    Raises TrainingError if ``out`` holds another run, the loss is no longer a number, ``start`` has
    other classes or the state cannot be written, RecipeError where the processes' shares of a batch
    are too small, DataError for images that cannot be trained on or
    where the recipe goes by scores and there is no validation part, and CheckpointError if
    ``start`` cannot be loaded or is an ensemble.
    """
    _check_scored(recipe, parts)
    if tensorboard:
        import_tensorboard()
    engine = start_engine(recipe.training)
    check_batch(recipe, engine.num_processes)
    run, mark = out / RUN, fingerprint(recipe, parts)
    run.mkdir(parents=True, exist_ok=True)
    state = load_state(run, resume, mark)
    model = _load_start(start, recipe) if start is not None and state is None else None
    if state is not None or model is not None:  # their weights replace all others
        recipe = replace(recipe, training=replace(recipe.training, pretrained=None))
    train, validation = _load(recipe, parts, memory / processes_here())
    trainer, history = Trainer(recipe, train, engine, model), History()
    readable = name_images(train.samples)
    if state is not None:
        _check_readable(run, state, readable)
        trainer.load_state_dict(state["trainer"])
        history.rows = state["rows"]
        if engine.is_main_process:  # what stopped it may have come between
            _write_figures(run, history.rows, tensorboard)
        del state  # of its file, which is as large as all that is trained
    while len(history.rows) < recipe.training.epochs:
        if out_of_patience(history.scores, recipe.training.patience):
            break
        row = _run_epoch(trainer, validation, history)
        if engine.is_main_process:
            best = "score" not in row or row["score"] >= max(history.scores)
            kept = {"mark": mark, "readable": readable, "rows": history.rows}
            _write(run, trainer, kept, best, tensorboard)
        if report and "score" in row:
            report(len(history.rows), row["score"])
    if is_fitted(trainer.plain) and engine.is_main_process:
        _fit_head(run, trainer, parts, memory / processes_here())
    masks = trainer.masks.skipped if trainer.masks is not None else []
    return train.skipped + (validation.skipped if validation else []) + masks


def _check_scored(recipe: Recipe, parts: Splits) -> None:
    training = recipe.training
    if not parts.validation and (training.patience or training.schedule.name == "plateau"):
        raise DataError(
            "Patience and the schedule 'plateau' go by the scores of the validation part, and "
            "there is none; set training.patience=0 and another training.schedule.name."
        )


def _check_readable(run: Path, state: dict, readable: str) -> None:
    if state["readable"] != readable:
        raise TrainingError(
            f"{run} was begun with other readable files; go on with the same ones, and with the "
            "same --memory (files that are opened later are found broken later)."
        )


def _load_start(start: Path, recipe: Recipe) -> Classifier:
    manifest = read_manifest(start)
    if manifest.classes != recipe.classes:
        raise TrainingError(
            f"{start} tells {', '.join(manifest.classes)} apart, in this order, and the recipe "
            f"{', '.join(recipe.classes)}; give --set classes={','.join(manifest.classes)}."
        )
    if manifest.architecture.backbone.name == "ensemble":
        raise CheckpointError(
            f"{start} is an ensemble; train on one of its members: python -m ml separate."
        )
    return load_classifier(start)


def _fit_head(run: Path, trainer: Trainer, parts: Splits, memory: float) -> None:
    """Fit the head to the best backbone's features, which are those of images as they are read."""
    model, size = trainer.ema.model, trainer.recipe.preprocessing
    model.load_state_dict(load_file(run / BEST))
    seen = partial(to_pixels, config=size)
    each, classes = prod(size.shape), trainer.recipe.classes
    images = load_images(parts.train, classes, seen, each, memory, "fit")
    draws = torch.arange(len(images.labels)).split(AT_ONCE)
    batches = ((normalise(p, size), images.labels[i]) for i, p in images.batches(draws))
    fit_head(model, batches, trainer.config.seed)
    save_weights(run, model)


def _load(recipe: Recipe, parts: Splits, memory: float) -> tuple[Images, Images | None]:
    size, seen = training_size(recipe), recipe.preprocessing
    each, each_read = prod(canvas_shape(size)), prod(seen.shape)
    pixels, pixels_read = each * len(parts.train), each_read * len(parts.validation)
    share = pixels / max(1, pixels + pixels_read)
    canvas = partial(to_canvas, config=size)
    train = load_images(parts.train, recipe.classes, canvas, each, memory * share, "train")
    if not parts.validation:
        return train, None
    validation = load_images(
        parts.validation,
        recipe.classes,
        partial(to_pixels, config=seen),
        each_read,
        memory * (1 - share),
        "validate",
    )
    return train, validation


def _run_epoch(trainer: Trainer, validation: Images | None, history: History) -> dict[str, float]:
    started, epoch, config = time.monotonic(), len(history.rows), trainer.config
    rate = rate_share((epoch + 1) * trainer.steps - 1, trainer.steps, config, history.scores)
    loss = trainer.run_epoch(epoch, history.scores)
    seconds = time.monotonic() - started
    scored = {} if validation is None else {"score": score_epoch(trainer, validation)}
    row = {
        "epoch": float(epoch + 1),
        "loss": loss,
        **scored,
        "learning_rate": config.learning_rate * rate,
        "seconds": time.monotonic() - started,
        "images_per_second": trainer.steps * config.batch_size / seconds,
    }
    history.rows.append(row)
    return row


def _write(run: Path, trainer: Trainer, state: dict, best: bool, tensorboard: bool) -> None:
    if best:
        save_weights(run, trainer.ema.model)
    save_state(run, state | {"trainer": trainer.state_dict()})
    _write_figures(run, state["rows"], tensorboard)


def _write_figures(run: Path, rows: list[dict[str, float]], tensorboard: bool) -> None:
    write_metrics(run, rows)
    if tensorboard:
        write_tensorboard(run, rows[-1])


def with_epochs(recipe: Recipe, epochs: int | None) -> Recipe:
    """The recipe with another length, its warm-up and its frozen phase shortened to fit."""
    if epochs is None:
        return recipe
    training = recipe.training
    short = replace(
        training,
        epochs=epochs,
        warmup_epochs=min(training.warmup_epochs, epochs // 2),
        freeze_epochs=min(training.freeze_epochs, epochs // 2),
    )
    return replace(recipe, training=short)
