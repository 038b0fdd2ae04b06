"""The score of an epoch: balanced accuracy on the validation part, one view an image."""

from __future__ import annotations

import torch
from torch import Tensor

from ml.config import Recipe
from ml.data.loading import AT_ONCE, Images
from ml.devices import training_autocast
from ml.patients import PatientFeatures
from ml.preprocessing import normalise
from ml.training import Trainer


@torch.inference_mode()
def balanced_accuracy(trainer: Trainer, recipe: Recipe, images: Images) -> float:
    """Mean recall of the moving average's answers, over the classes that ``images`` have.

    Every process reads its share of the images, and all get the same figure.
    """
    engine, model = trainer.engine, trainer.ema.model
    _align_buffers(trainer)
    model.eval()
    patients = PatientFeatures(images) if model.context is not None else None
    if patients is not None:
        patients.refresh(model, engine.device, recipe.preprocessing)
    hits, counts = torch.zeros(2, len(recipe.classes), device=engine.device)
    own = torch.arange(len(images.samples))[engine.process_index :: engine.num_processes]
    for indices, pixels in images.batches(own.split(AT_ONCE)):
        pictures = normalise(pixels.to(engine.device), recipe.preprocessing)
        context = () if patients is None else patients.others(indices)
        with training_autocast(engine.device):
            answers = model(pictures, *(c.to(engine.device) for c in context)).argmax(1)
        labels = images.labels[indices].to(engine.device)
        _add(counts, labels)
        _add(hits, labels[answers == labels])
    hits, counts = engine.reduce(hits, "sum"), engine.reduce(counts, "sum")
    there = counts > 0
    return float((hits[there] / counts[there]).double().mean())


def _add(figures: Tensor, labels: Tensor) -> None:
    figures += torch.bincount(labels, minlength=len(figures))


def _align_buffers(trainer: Trainer) -> None:
    """Batch norms see each process's own images, so their means are taken from the first."""
    if trainer.engine.num_processes > 1:
        from accelerate.utils import broadcast

        broadcast(list(trainer.ema.model.buffers()))
