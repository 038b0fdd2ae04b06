"""One training run: steps, epochs, and a state that can be saved and taken up again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from ml.augmentation import augment, mixup
from ml.classifier import build_classifier
from ml.config import Recipe, Training
from ml.data.cache import Cache
from ml.devices import channels_last, training_autocast
from ml.ema import Ema
from ml.errors import DataError, TrainingError
from ml.progress import progress


def learning_rate(step: int, steps: int, warmup: int, peak: float) -> float:
    """Linear warm-up, then a half cosine to zero (Loshchilov and Hutter, arXiv:1608.03983)."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def sampling_shares(labels: Tensor, classes: int, balance: float) -> Tensor:
    """Share of each class among the samples drawn, (K,): proportional to count^(1 - balance)."""
    counts = torch.bincount(labels, minlength=classes).double()
    if (counts == 0).any():
        raise DataError("Every class of the recipe needs at least one image for training.")
    shares = counts ** (1 - balance)
    return shares / shares.sum()


def adjusted_cross_entropy(logits: Tensor, targets: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy of (B, K) logits and soft targets, with the log of the class shares added.

    So the logits themselves are free of how often each class was drawn: logit adjustment, Menon et
    al., arXiv:2007.07314, equation 10.
    """
    return nn.functional.cross_entropy(logits + shares.log().to(logits), targets)


def build_optimizer(model: nn.Module, config: Training) -> torch.optim.Optimizer:
    """AdamW, without weight decay on biases and norms."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": matrices},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, config.learning_rate, weight_decay=config.weight_decay)


class Trainer:
    """Holds the model, its moving average and the optimizer; runs one epoch at a time.

    What an epoch draws depends on the seed and the epoch's number alone, so a run that was stopped
    and resumed gives the same weights as one that was not.
    """

    def __init__(self, recipe: Recipe, data: Cache, device: torch.device):
        self.recipe, self.config, self.data, self.device = recipe, recipe.training, data, device
        torch.manual_seed(self.config.seed)
        model = build_classifier(recipe.architecture, len(recipe.classes), self.config.pretrained)
        self.model = channels_last(model.to(device))
        self.ema = Ema(self.model, self.config.ema_decay)
        self.optimizer = build_optimizer(self.model, self.config)
        self.shares = sampling_shares(data.labels, len(recipe.classes), self.config.balance)
        self.steps = max(1, len(data.labels) // self.config.batch_size)

    def start_from(self, model: nn.Module) -> None:
        """Begin with the weights of a model of the same architecture."""
        try:
            self.model.load_state_dict(model.state_dict())
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:300]
            raise TrainingError(f"The weights to start from do not fit: {reason}") from error
        self.ema = Ema(self.model, self.config.ema_decay)

    def run_epoch(self, epoch: int) -> float:
        """Train for one epoch (numbered from 0). Returns the mean loss.

        Raises TrainingError when the loss is no longer a number.
        """
        seed = self.config.seed * 1_000_003 + epoch
        torch.manual_seed(seed)  # for dropout
        generator = Generator().manual_seed(seed)
        self.model.train()
        total = 0.0
        batches = progress(self._draw(generator), f"epoch {epoch + 1}/{self.config.epochs}")
        for number, chosen in enumerate(batches):
            loss = self._step(epoch * self.steps + number, chosen, generator)
            if not math.isfinite(loss):
                raise TrainingError(
                    f"The loss became {loss} in epoch {epoch + 1}; the state before it is kept."
                )
            total += loss
            batches.set_postfix(loss=f"{total / (number + 1):.3f}")
        return total / self.steps

    def _draw(self, generator: Generator) -> list[Tensor]:
        counts = torch.bincount(self.data.labels, minlength=len(self.shares))
        weights = (self.shares / counts)[self.data.labels]  # (N,)
        size = self.config.batch_size
        order = torch.multinomial(weights, self.steps * size, True, generator=generator)
        return list(order.split(size))

    def _step(self, step: int, chosen: Tensor, generator: Generator) -> float:
        config = self.config
        images, targets = self._batch(chosen, generator)  # (B, 3, H, W), (B, K)
        rate = learning_rate(
            step,
            config.epochs * self.steps,
            config.warmup_epochs * self.steps,
            config.learning_rate,
        )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with training_autocast(self.device):
            logits = self.model(images)  # (B, K)
        loss = adjusted_cross_entropy(logits.float(), targets, self.shares)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), config.gradient_clip)
        if math.isfinite(loss.item()):
            self.optimizer.step()
            self.ema.update(self.model)
        return loss.item()

    def _batch(self, chosen: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
        config, classes = self.config, len(self.recipe.classes)
        labels = nn.functional.one_hot(self.data.labels[chosen], classes).float()
        targets = labels * (1 - config.label_smoothing) + config.label_smoothing / classes
        images = augment(
            self.data.pixels[chosen], self.recipe.preprocessing, config.augmentation, generator
        )
        draw = float(torch.rand((), generator=generator))
        if config.augmentation.mixup and draw < config.augmentation.mixup_share:
            images, targets = mixup(images, targets, config.augmentation.mixup, generator)
        images = images.to(self.device, memory_format=torch.channels_last)
        return images, targets.to(self.device)

    def state_dict(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.model.state_dict(),
            "ema_steps": self.ema.steps,
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.ema.model.load_state_dict(state["ema"])
        self.ema.steps = state["ema_steps"]
        self.optimizer.load_state_dict(state["optimizer"])


@torch.inference_mode()
def log_probabilities(
    model: nn.Module, images: Tensor, device: torch.device, batch_size: int = 128
) -> np.ndarray:
    """Log-probabilities float64 (N, K) of normalised images (N, 3, H, W), one view each."""
    model.eval()
    answers = []
    for batch in images.split(batch_size):
        with training_autocast(device):
            logits = model(batch.to(device, memory_format=torch.channels_last))
        answers.append(logits.double().log_softmax(-1).cpu())
    return torch.cat(answers).numpy()
