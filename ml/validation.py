"""The score of an epoch, on the validation part: one view an image, the higher the better."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ml.data.loading import AT_ONCE, Images
from ml.heads.fitting import is_fitted
from ml.patients import PatientFeatures
from ml.preprocessing import normalise
from ml.training import Trainer


def score_epoch(trainer: Trainer, images: Images) -> float:
    """Balanced accuracy; of a head that is fitted later, how well the pictures are drawn again."""
    if is_fitted(trainer.plain):
        return -redrawing_loss(trainer, images)
    return balanced_accuracy(trainer, images)


@torch.inference_mode()
def redrawing_loss(trainer: Trainer, images: Images) -> float:
    """Mean squared distance of the moving average's drawings from the normalised pictures."""
    engine, model = trainer.engine, trainer.ema.model
    model.eval()
    total, count = torch.zeros(2, device=engine.device)
    for _, pixels in _own_batches(trainer, images):
        pictures = normalise(pixels.to(engine.device), trainer.recipe.preprocessing)
        with engine.autocast():
            drawn = model.backbone.draw(pictures)  # type: ignore[operator]
        total += (drawn.float() - pictures).square().flatten(1).mean(1).sum()
        count += len(pictures)
    return float(engine.reduce(total, "sum") / engine.reduce(count, "sum"))


@torch.inference_mode()
def balanced_accuracy(trainer: Trainer, images: Images) -> float:
    """Mean recall of the moving average's answers, over the classes that ``images`` have.

    Every process reads its share of the images, and all get the same figure.
    """
    engine, model, recipe = trainer.engine, trainer.ema.model, trainer.recipe
    model.eval()
    patients = PatientFeatures(images) if model.context is not None else None
    if patients is not None:
        patients.refresh(model, engine.device, recipe.preprocessing)
    hits, counts = torch.zeros(2, len(recipe.classes), device=engine.device)
    for indices, pixels in _own_batches(trainer, images):
        pictures = normalise(pixels.to(engine.device), recipe.preprocessing)
        context = () if patients is None else patients.others(indices)
        with engine.autocast():
            answers = model(pictures, *(c.to(engine.device) for c in context)).argmax(1)
        labels = images.labels[indices].to(engine.device)
        _add(counts, labels)
        _add(hits, labels[answers == labels])
    hits, counts = engine.reduce(hits, "sum"), engine.reduce(counts, "sum")
    there = counts > 0
    return float((hits[there] / counts[there]).double().mean())


def _add(figures: Tensor, labels: Tensor) -> None:
    figures += torch.bincount(labels, minlength=len(figures))


def _own_batches(trainer: Trainer, images: Images) -> Iterator[tuple[Tensor, Tensor]]:
    """Indices and pixels of this process's share of the images."""
    engine = trainer.engine
    own = torch.arange(len(images.samples))[engine.process_index :: engine.num_processes]
    return images.batches(own.split(AT_ONCE))
