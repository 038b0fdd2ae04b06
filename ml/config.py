"""What a recipe is made of: frozen dataclasses, readable from and writable to JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Backbone:
    """Image to features. ``name`` is a key of ml.backbones.BACKBONES."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Head:
    """Features to logits. ``name`` is a key of ml.heads.HEADS."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """Features of an image and of its patient's others to features for the head.

    ``name`` is a key of ml.contexts.CONTEXTS.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Architecture:
    backbone: Backbone
    head: Head
    context: Context | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Architecture:
        context = raw.get("context")
        return cls(
            backbone=Backbone(**raw["backbone"]),
            head=Head(**raw["head"]),
            context=Context(**context) if context else None,
        )


@dataclass(frozen=True)
class Preprocessing:
    """Image to tensor, the same in training and in the worker.

    ``resize`` is "cover" (the centre square, undistorted) or "squash" (the whole image, its sides
    made equal). ``mean`` and ``std`` are for channels in [0, 1].
    """

    size: int
    resize: str = "cover"
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Preprocessing:
        return cls(raw["size"], raw["resize"], tuple(raw["mean"]), tuple(raw["std"]))


@dataclass(frozen=True)
class Augmentation:
    """How far a training image may stray from what was photographed.

    A dermoscopic image has no up and no left, so every rotation and flip is allowed.
    """

    scale: tuple[float, float] = (0.75, 1.25)  # zoom, drawn log-uniformly
    stretch: float = 0.1  # ratio of the sides, within 1 +- stretch
    shift: float = 0.08  # of the output's side
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.25
    hue: float = 0.03  # of a full turn
    mixup: float = 0.0  # alpha of the Beta distribution; 0 is off
    mixup_share: float = 0.5  # of the batches


@dataclass(frozen=True)
class Schedule:
    """How the learning rate moves after the warm-up; ``name`` is a key of ml.schedules.SCHEDULES.

    step multiplies by ``factor`` every ``epochs``, exponential each epoch, and plateau when the
    validation score has not risen for ``epochs``; restarts are cosines of ``epochs``, each
    ``growth`` times as long as the one before. ``floor`` is the least share of the peak.
    """

    name: str = "cosine"
    epochs: int = 10
    factor: float = 0.1
    growth: float = 1.0
    floor: float = 0.0


@dataclass(frozen=True)
class Training:
    """``balance`` moves the sampling from the data's own class shares (0) to equal ones (1).

    What the sampling leaves uneven, the loss takes up (ml.training.adjusted_cross_entropy), so at
    any value the logits are those of a world in which all classes are equally common.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_epochs: int = 3
    schedule: Schedule = Schedule()
    label_smoothing: float = 0.05
    balance: float = 1.0
    ema_decay: float = 0.998
    gradient_clip: float = 1.0
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)  # train, validation, test
    augmentation: Augmentation = Augmentation()
    pretrained: str | None = None  # folder or hub id of a transformers checkpoint
    seed: int = 0


@dataclass(frozen=True)
class Recipe:
    """All that is needed to train one model again. ``tta`` is a key of ml.tta.VIEWS."""

    name: str
    classes: tuple[str, ...]
    architecture: Architecture
    preprocessing: Preprocessing
    training: Training
    tta: str = "none"
