"""Losses of a batch. Each sees outputs, soft targets (B, K) and the images (B, 3, H, W).

A network that is not a classifier while it is trained (an auto-encoder) gives another output, which
its loss compares with the images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from ml.config import Loss
from ml.errors import TrainingError

LossFunction = Callable[[Tensor, Tensor, Tensor], Tensor]


def adjusted_cross_entropy(logits: Tensor, targets: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy of (B, K) logits and soft targets, with the log of the class shares added.

    So the logits themselves are free of how often each class was drawn: logit adjustment, Menon et
    al., arXiv:2007.07314, equation 10. One value an image, (B,).
    """
    return F.cross_entropy(logits + shares.log().to(logits), targets, reduction="none")


def focal(logits: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """Cross-entropy that fades where the answer is right already, (B,).

    Lin et al., arXiv:1708.02002, equation 4, for soft targets summed over the classes.
    """
    logs = logits.log_softmax(-1)
    # at 0 a power below 1 has no gradient
    wrong = (1 - logs.exp()).clamp(min=1e-6)
    return -(targets * wrong**gamma * logs).sum(-1)


def _cross_entropy(config: Loss, drawn: Tensor) -> LossFunction:
    return lambda logits, targets, _: F.cross_entropy(logits, targets, reduction="none")


def _weighted(config: Loss, drawn: Tensor) -> LossFunction:
    # so that every class has the same say, and the mean weight of an image that is drawn is 1
    weights = 1 / (drawn * len(drawn))

    def loss(logits: Tensor, targets: Tensor, _: Tensor) -> Tensor:
        plain = F.cross_entropy(logits, targets, reduction="none")
        return plain * (targets @ weights.to(targets))

    return loss


def _focal(config: Loss, drawn: Tensor) -> LossFunction:
    return lambda logits, targets, _: focal(logits, targets, config.gamma)


def _logit_adjusted(config: Loss, drawn: Tensor) -> LossFunction:
    return lambda logits, targets, _: adjusted_cross_entropy(logits, targets, drawn)


def _reconstruction(config: Loss, drawn: Tensor) -> LossFunction:
    return lambda pictures, _, images: (pictures - images).square().flatten(1).mean(1)


LOSSES: dict[str, Callable[[Loss, Tensor], LossFunction]] = {
    "cross_entropy": _cross_entropy,
    "class_weighted": _weighted,
    "focal": _focal,
    "logit_adjusted": _logit_adjusted,
    "reconstruction": _reconstruction,
}


def build_loss(config: Loss, classes: Sequence[str], drawn: Tensor) -> LossFunction:
    """The mean loss of a batch, as a function of outputs, targets and images.

    ``drawn`` are the classes' shares in what the sampler draws, (K,). Raises TrainingError for a
    name, or a class in ``weights``, that does not exist.
    """
    if config.name not in LOSSES:
        raise TrainingError(f"There is no loss '{config.name}'; there are: {', '.join(LOSSES)}.")
    unknown = set(config.weights) - set(classes)
    if unknown:
        raise TrainingError(f"The loss weighs classes that are not there: {sorted(unknown)}.")
    each = LOSSES[config.name](config, drawn)
    weights = torch.tensor([config.weights.get(code, 1.0) for code in classes])

    def loss(outputs: Tensor, targets: Tensor, images: Tensor) -> Tensor:
        values = each(outputs, targets, images)  # (B,)
        if config.weights:
            values = values * (targets @ weights.to(targets))
        return values.mean()

    return loss


def outline_loss(drawn: Tensor, masks: Tensor, known: Tensor) -> Tensor:
    """Cross-entropy of logits and masks in [0, 1], both (B, h, w), of the images ``known`` (B,).

    It is 0, and still has a gradient, where none is known: processes that share a batch must all
    have one.
    """
    losses = F.binary_cross_entropy_with_logits(drawn, masks, reduction="none").mean((1, 2))
    return (losses * known).sum() / known.sum().clamp(min=1)
