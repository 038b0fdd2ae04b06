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


RESIZES = ("cover", "whole", "squash")


@dataclass(frozen=True)
class Preprocessing:
    """Image to tensor, the same in training and in the worker.

    ``size`` is the height of what the model sees, and its width over its height is ``aspect``.
    ``resize`` is "cover" (as much of the middle as fits, undistorted), "whole" (all of the image,
    undistorted, its margins mirrored) or "squash" (all of it, its sides changed). Where the model
    sees more width than height, an image that is higher than wide is turned to lie. ``mean`` and
    ``std`` are for channels in [0, 1].
    """

    size: int
    resize: str = "cover"
    mean: tuple[float, ...] = (0.5, 0.5, 0.5)
    std: tuple[float, ...] = (0.5, 0.5, 0.5)
    aspect: float = 1.0

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what the model sees, in pixels."""
        return self.size, round(self.size * self.aspect)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Preprocessing:
        colours = tuple(raw["mean"]), tuple(raw["std"])
        return cls(raw["size"], raw["resize"], *colours, raw.get("aspect", 1.0))


@dataclass(frozen=True)
class Augmentation:
    """How far a training image may stray from what was photographed.

    A dermoscopic image has no up and no left, so every rotation and flip is allowed unless a recipe
    says otherwise. A ``*_share`` is the share of the images (of the batches, for mixup and cutmix)
    that it happens to; what is at its 0 costs nothing.
    """

    scale: tuple[float, float] = (0.75, 1.25)  # zoom, drawn log-uniformly
    stretch: float = 0.1  # ratio of the sides, within 1 +- stretch
    shift: float = 0.08  # of the output's side
    rotation: float = 180.0  # degrees, either way
    quarter_turns: bool = False  # by 0, 90, 180 or 270 degrees beside ``rotation``
    flip: bool = True  # with quarter turns it gives the transposed views too
    elastic: float = 0.0  # pixels that a smooth random field moves a point by
    grid: float = 0.0  # of a cell, by which the nodes of a coarse grid move
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.25
    hue: float = 0.03  # of a full turn
    white_balance: float = 0.0  # by which each channel is stronger or weaker, as a logarithm
    blur: float = 0.0  # largest sigma of a Gaussian, in pixels
    noise: float = 0.0  # largest deviation of Gaussian noise, of 255
    hair_share: float = 0.0  # drawn hairs
    ruler_share: float = 0.0  # a drawn ruler
    dropout_share: float = 0.0  # coarse dropout: grey rectangles
    dropout_holes: int = 4
    dropout_size: float = 0.2  # largest side of a hole, of the image's
    mixup: float = 0.0  # alpha of the Beta distribution; 0 is off
    mixup_share: float = 0.5
    cutmix_share: float = 0.0  # of the batches, beside those of mixup


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
class Loss:
    """``name`` is a key of ml.losses.LOSSES; ``weights`` multiplies the loss of single classes.

    ``gamma`` is the focal loss's exponent.
    """

    name: str = "logit_adjusted"
    gamma: float = 2.0
    weights: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sampling:
    """What an epoch draws. ``name`` is a key of ml.sampling.SAMPLERS.

    weighted draws images; ``balance`` moves it from the data's own class shares (0) to equal ones
    (1). What it leaves uneven the logit-adjusted loss takes up (ml.losses), so that the logits are
    those of a world in which all classes are equally common. contextual draws patients, half of
    them with an image of one of the ``positive`` classes, and ``per_patient`` images of each.
    """

    name: str = "weighted"
    balance: float = 1.0
    per_patient: int = 4
    positive: tuple[str, ...] = ("mel",)


@dataclass(frozen=True)
class Training:
    """How a model is trained.

    ``batch_size`` images make one step, whatever the number of processes that share them and of
    parts (``accumulate``) that each process computes them in. ``precision`` is "auto" (bf16 where
    the device has it), "no", "bf16" or "fp16". ``size`` is the height of what is trained on where
    it is not that of reading; ``smaller`` are heights to begin with, each up to a share of the
    epochs. The loss of the lesion's outline counts ``outline_weight`` times, for a backbone that
    draws one. The backbone stands still for ``freeze_epochs`` and then learns at ``backbone_rate``
    times the head's rate. ``patience`` epochs without a better validation score end the run (0:
    never). A context's patient features are computed again every ``context_refresh`` epochs.
    """

    epochs: int
    batch_size: int = 64
    accumulate: int = 1
    precision: str = "auto"
    size: int | None = None
    smaller: tuple[tuple[float, int], ...] = ()  # share of the epochs, pixels
    outline_weight: float = 0.3
    optimizer: str = "adamw"  # a key of ml.optimizers.OPTIMIZERS
    momentum: float = 0.9  # of SGD
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_epochs: int = 3
    schedule: Schedule = Schedule()
    freeze_epochs: int = 0
    backbone_rate: float = 1.0
    patience: int = 0
    loss: Loss = Loss()
    label_smoothing: float = 0.05
    sampling: Sampling = Sampling()
    ema_decay: float = 0.998  # 0 is off
    gradient_clip: float = 1.0
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)  # train, validation, test
    augmentation: Augmentation = Augmentation()
    context_refresh: int = 1
    pretrained: str | None = None  # what the backbone takes: a folder, a file, a hub id
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
