"""One training run: steps, epochs, and a state that can be saved and taken up again."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from ml.augmentation import augment, mix
from ml.augmentation.canvas import canvas_shape
from ml.augmentation.geometry import follow
from ml.classifier import build_classifier
from ml.config import Preprocessing, Recipe
from ml.data.loading import Images
from ml.data.masks import Masks, load_masks
from ml.devices import channels_last
from ml.ema import Ema
from ml.errors import DataError, DivergedError, TrainingError
from ml.losses import build_loss, outline_loss
from ml.optimizers import build_optimizer
from ml.patients import PatientFeatures
from ml.progress import progress
from ml.sampling import build_sampler
from ml.schedules import rate_share

if TYPE_CHECKING:
    from accelerate import Accelerator

Part = tuple[Tensor, Tensor]  # indices (B,) and pixels (B, 3, Hc, Wc)


class Augmented(NamedTuple):
    """What a step learns from; ``grid`` says where on the canvas each pixel was read."""

    images: Tensor  # (B, 3, H, W)
    targets: Tensor  # (B, K)
    grid: Tensor  # (B, H, W, 2)
    blended: bool  # with other images, so that the masks no longer fit


class Trainer:
    """Holds the model, its moving average and the optimizer; runs one epoch at a time.

    What an epoch draws depends on the seed and the epoch's number alone, so a run that was stopped
    and resumed gives the same weights as one that was not. With several processes each one computes
    its share of every batch.
    """

    def __init__(
        self, recipe: Recipe, data: Images, engine: Accelerator, start: nn.Module | None = None
    ):
        self.recipe, self.config, self.data, self.engine = recipe, recipe.training, data, engine
        torch.manual_seed(self.config.seed)
        model = build_classifier(recipe.architecture, len(recipe.classes), self.config.pretrained)
        if start is not None:
            copy_weights(start, model)
        self.plain = channels_last(model.to(engine.device))
        self.ema = Ema(self.plain, self.config.ema_decay)
        optimizer = build_optimizer(self.plain, self.config)
        self.model, self.optimizer = engine.prepare(self.plain, optimizer)
        labels, classes = data.labels, recipe.classes
        self.draw, shares = build_sampler(self.config.sampling, data.samples, labels, classes)
        self.loss = build_loss(self.config.loss, classes, shares)
        self.patients = PatientFeatures(data) if self.plain.context is not None else None
        self.masks = self._load_masks() if self.plain.outlines else None
        self.seen = training_size(recipe)
        self.steps = max(1, len(labels) // self.config.batch_size)

    def run_epoch(self, epoch: int, scores: Sequence[float] = ()) -> float:
        """Train for one epoch (numbered from 0). Returns the mean loss.

        ``scores`` are the validation scores of the epochs before. Raises DivergedError when the
        loss or its gradient is no number any more, before a step is made of it, and DataError when
        no image of a batch can be read.
        """
        config, rank = self.config, self.engine.process_index
        self.seen = size_at(self.recipe, epoch)
        if self.patients is not None and epoch % config.context_refresh == 0:
            self.patients.refresh(self.ema.model, self.engine.device, self.recipe.preprocessing)
        self._set_mode(frozen=epoch < config.freeze_epochs)
        seed = config.seed * 1_000_003 + epoch
        torch.manual_seed(seed + rank)  # for dropout
        generator = Generator().manual_seed(seed)
        draws = self.draw(self.steps, config.batch_size, generator)  # the same in every process
        if rank:
            generator.manual_seed(seed + 7919 * rank)
        parts = iter(self.data.batches([part for batch in draws for part in self._own(batch)]))
        total = 0.0
        bar = progress(range(self.steps), f"epoch {epoch + 1}/{config.epochs}")
        for number in bar:
            step = epoch * self.steps + number
            self._set_rates(rate_share(step, self.steps, config, scores))
            found = list(islice(parts, config.accumulate))
            if not found:
                raise DataError("None of the images of a batch could be read.")
            total += self._step(found, generator, epoch)
            bar.set_postfix(loss=f"{total / (number + 1):.3f}")
        self._align()
        return total / self.steps

    def _own(self, batch: Tensor) -> tuple[Tensor, ...]:
        share = batch.chunk(self.engine.num_processes)[self.engine.process_index]
        return share.chunk(self.config.accumulate)

    def _set_mode(self, frozen: bool) -> None:
        self.model.train()
        self.plain.backbone.requires_grad_(not frozen)
        if frozen:
            self.plain.backbone.eval()  # so that its norms stand still too

    def _set_rates(self, share: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * share * group["share"]

    def _step(self, parts: list[Part], generator: Generator, epoch: int) -> float:
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=self.engine.device)
        for number, part in enumerate(parts, 1):
            # the processes exchange their gradients once a step
            quiet = self.engine.no_sync(self.model) if number < len(parts) else nullcontext()
            with quiet:
                loss = self._part_loss(part, generator) / len(parts)
                self.engine.backward(loss)
            total += loss.detach()
        loss_of_all = float(self.engine.reduce(total, "mean"))
        _check_finite("loss", loss_of_all, epoch)
        norm = self.engine.clip_grad_norm_(self.model.parameters(), self.config.gradient_clip)
        if self.engine.scaler is None:  # which leaves such a step out, and scales less
            _check_finite("gradient", float(norm), epoch)
        self.optimizer.step()
        self.ema.update(self.plain)
        return loss_of_all

    def _part_loss(self, part: Part, generator: Generator) -> Tensor:
        indices, pixels = part
        device = self.engine.device
        # as bytes: a quarter of what goes there once they are augmented
        batch = self._augment(indices, pixels.to(device), generator)
        images = batch.images.contiguous(memory_format=torch.channels_last)
        if self.patients is None:
            outputs = self.model(images)  # (B, K)
        else:
            others, mask = self.patients.others(indices)  # (B, M, D), (B, M)
            outputs = self.model(images, others.to(device), mask.to(device))
        if self.masks is None:
            return self.loss(outputs.float(), batch.targets, images)
        logits, drawn = outputs  # (B, K), (B, h, w)
        masks, known = self.masks.of(indices)  # (B, Hc / 2, Wc / 2), (B,)
        seen = follow(masks.to(device), batch.grid, (drawn.shape[1], drawn.shape[2]))  # (B, h, w)
        learnt = torch.zeros_like(known) if batch.blended else known
        outline = outline_loss(drawn.float(), seen, learnt.to(device))
        loss = self.loss(logits.float(), batch.targets, images)
        return loss + self.config.outline_weight * outline

    def _augment(self, indices: Tensor, pixels: Tensor, generator: Generator) -> Augmented:
        config, classes = self.config, len(self.recipe.classes)
        labels = self.data.labels[indices].to(pixels.device)
        labels = nn.functional.one_hot(labels, classes).float()
        targets = labels * (1 - config.label_smoothing) + config.label_smoothing / classes
        images, grid = augment(pixels, self.seen, config.augmentation, generator)
        images, targets, blended = mix(images, targets, config.augmentation, generator)
        return Augmented(images, targets, grid, blended)

    def _align(self) -> None:
        """Norms count each process's own images; what they counted is taken from the first."""
        if self.engine.num_processes > 1:
            from accelerate.utils import broadcast

            for model in (self.plain, self.ema.model):
                broadcast(list(model.state_dict().values()))

    def _load_masks(self) -> Masks:
        seen = training_size(self.recipe)
        return load_masks(self.data.samples, canvas_shape(seen), seen)

    def state_dict(self) -> dict[str, Any]:
        return {
            "model": self.plain.state_dict(),
            "ema": self.ema.model.state_dict(),
            "ema_steps": self.ema.steps,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.engine.scaler.state_dict() if self.engine.scaler else None,
            # of an earlier epoch's weights, so they cannot be computed again
            "patients": self.patients.features if self.patients is not None else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.plain.load_state_dict(state["model"])
        self.ema.model.load_state_dict(state["ema"])
        self.ema.steps = state["ema_steps"]
        # an optimizer keeps the tensors that it is given, and these may lie in a file
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        if self.engine.scaler and state["scaler"]:
            self.engine.scaler.load_state_dict(state["scaler"])
        if self.patients is not None:
            self.patients.features = state["patients"].clone()


def training_size(recipe: Recipe) -> Preprocessing:
    """The preprocessing of training images: that of reading, but for the size if one is given."""
    size = recipe.training.size or recipe.preprocessing.size
    return replace(recipe.preprocessing, size=size)


def size_at(recipe: Recipe, epoch: int) -> Preprocessing:
    """The preprocessing of what an epoch (from 0) learns from."""
    done = epoch / recipe.training.epochs
    whole = training_size(recipe)
    sizes = [size for until, size in recipe.training.smaller if done < until]
    return replace(whole, size=min([*sizes, whole.size]))


def _check_finite(what: str, value: float, epoch: int) -> None:
    if not math.isfinite(value):
        raise DivergedError(
            f"The {what} became {value} in epoch {epoch + 1}; the state before it is kept."
        )


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Raises TrainingError where the models are not of the same architecture."""
    try:
        target.load_state_dict(source.state_dict())
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise TrainingError(f"The weights to start from do not fit: {reason}") from error
