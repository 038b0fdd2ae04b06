"""What each setting of a recipe may be, by its path."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ml.config import RESIZES, Context
from ml.manifest import VIEWS
from ml.schedules import SCHEDULES


@dataclass(frozen=True)
class Rule:
    """What a setting may be: in words that follow "is", and as a test."""

    says: str
    allows: Callable[[Any], bool]


def _is_number(value: Any, low: float = -math.inf, high: float = math.inf) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and low <= value <= high


def _is_whole(value: Any, least: int) -> bool:
    return type(value) is int and value >= least


def _is_list(value: Any, allows: Callable[[Any], bool], length: int | None = None) -> bool:
    listed = isinstance(value, list | tuple) and length in (None, len(value))
    return listed and all(allows(entry) for entry in value)


def _whole(least: int) -> Rule:
    return Rule(f"a whole number of {least} or more", lambda value: _is_whole(value, least))


def _one_of(names: Iterable[str]) -> Rule:
    names = tuple(names)
    return Rule(f"one of {', '.join(names)}", lambda value: value in names)


def _or_none(rule: Rule) -> Rule:
    return Rule(f"{rule.says}, or null", lambda value: value is None or rule.allows(value))


def _are_sizes(value: Any) -> bool:
    pairs = _is_list(value, lambda pair: _is_list(pair, _is_number, 2))
    return pairs and all(_is_number(u, 0, 1) and _is_whole(size, LEAST_SIZE) for u, size in value)


def _are_fractions(value: Any) -> bool:
    three = _is_list(value, lambda share: _is_number(share, 0, 1), 3)
    return three and value[0] > 0 and math.isclose(sum(value), 1, abs_tol=1e-6)


def _are_weights(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_number(weight, 0) for weight in value.values())


LEAST_SIZE = 8  # pixels; less shows nothing
WORD = Rule("a word", lambda value: isinstance(value, str) and bool(value))
SWITCH = Rule("true or false", lambda value: isinstance(value, bool))
NUMBER = Rule("a number of 0 or more", lambda value: _is_number(value, 0))
POSITIVE = Rule("a number above 0", lambda value: _is_number(value, 0) and value > 0)
SHARE = Rule("a number from 0 to 1", lambda value: _is_number(value, 0, 1))
BELOW_1 = Rule("a number from 0 to below 1", lambda value: _is_number(value, 0) and value < 1)
SIZE = _whole(LEAST_SIZE)
WIDTHS = Rule(
    "a list of whole numbers of 1 or more",
    lambda value: _is_list(value, lambda width: _is_whole(width, 1)),
)
OPTIONS = Rule("an object of options", lambda value: isinstance(value, dict))
CODES = Rule(
    "a list of class codes", lambda value: _is_list(value, lambda c: isinstance(c, str)) and value
)

# every field of a recipe that holds no further ones
RULES: dict[str, Rule] = {
    "name": WORD,
    "classes": CODES,
    "tta": _one_of(VIEWS),
    "architecture.backbone.name": WORD,
    "architecture.backbone.options": OPTIONS,
    "architecture.head.name": WORD,
    "architecture.head.options": OPTIONS,
    "architecture.context": Rule(
        "null, or has a name", lambda value: value is None or isinstance(value, Context)
    ),
    "preprocessing.size": SIZE,
    "preprocessing.resize": _one_of(RESIZES),
    "preprocessing.mean": Rule("three numbers", lambda value: _is_list(value, _is_number, 3)),
    "preprocessing.std": Rule(
        "three numbers above 0", lambda value: _is_list(value, POSITIVE.allows, 3)
    ),
    "preprocessing.aspect": POSITIVE,
    "training.epochs": _whole(1),
    "training.batch_size": _whole(2),
    "training.accumulate": _whole(1),
    "training.precision": _one_of(("auto", "no", "bf16", "fp16")),
    "training.size": _or_none(SIZE),
    "training.smaller": Rule(
        f"a list of pairs, each a share of the epochs (0 to 1) and pixels ({LEAST_SIZE} or more)",
        _are_sizes,
    ),
    "training.outline_weight": NUMBER,
    "training.optimizer": WORD,
    "training.momentum": BELOW_1,
    "training.learning_rate": POSITIVE,
    "training.weight_decay": NUMBER,
    "training.warmup_epochs": _whole(0),
    "training.schedule.name": _one_of(SCHEDULES),
    "training.schedule.epochs": _whole(1),
    "training.schedule.factor": Rule(
        "a number above 0, up to 1", lambda value: _is_number(value, 0, 1) and value > 0
    ),
    "training.schedule.growth": Rule("a number of 1 or more", lambda value: _is_number(value, 1)),
    "training.schedule.floor": SHARE,
    "training.freeze_epochs": _whole(0),
    "training.backbone_rate": NUMBER,
    "training.patience": _whole(0),
    "training.loss.name": WORD,
    "training.loss.gamma": NUMBER,
    "training.loss.weights": Rule("an object of classes and numbers of 0 or more", _are_weights),
    "training.label_smoothing": BELOW_1,
    "training.sampling.name": WORD,
    "training.sampling.balance": SHARE,
    "training.sampling.per_patient": _whole(1),
    "training.sampling.positive": CODES,
    "training.ema_decay": BELOW_1,
    "training.gradient_clip": POSITIVE,
    "training.fractions": Rule(
        "three shares that sum to 1 (training, validation, test), the first above 0",
        _are_fractions,
    ),
    "training.augmentation.scale": Rule(
        "two numbers above 0, the smaller one first",
        lambda value: _is_list(value, POSITIVE.allows, 2) and value[0] <= value[1],
    ),
    "training.augmentation.stretch": NUMBER,
    "training.augmentation.shift": NUMBER,
    "training.augmentation.rotation": NUMBER,
    "training.augmentation.quarter_turns": SWITCH,
    "training.augmentation.flip": SWITCH,
    "training.augmentation.elastic": NUMBER,
    "training.augmentation.grid": NUMBER,
    "training.augmentation.brightness": SHARE,
    "training.augmentation.contrast": SHARE,
    "training.augmentation.saturation": SHARE,
    "training.augmentation.hue": SHARE,
    "training.augmentation.white_balance": SHARE,
    "training.augmentation.blur": NUMBER,
    "training.augmentation.noise": SHARE,
    "training.augmentation.hair_share": SHARE,
    "training.augmentation.ruler_share": SHARE,
    "training.augmentation.dropout_share": SHARE,
    "training.augmentation.dropout_holes": _whole(0),
    "training.augmentation.dropout_size": SHARE,
    "training.augmentation.mixup": Rule(
        "0, or a number of 0.05 or more", lambda value: value == 0 or _is_number(value, 0.05)
    ),
    "training.augmentation.mixup_share": SHARE,
    "training.augmentation.cutmix_share": SHARE,
    "training.context_refresh": _whole(1),
    "training.pretrained": _or_none(WORD),
    "training.seed": Rule(
        "a whole number from 0 to 4294967295", lambda value: _is_whole(value, 0) and value < 2**32
    ),
}

# options of parts, where the part has them
OF_PARTS: dict[str, Rule] = {
    "architecture.backbone.options.image_size": SIZE,
    "architecture.backbone.options.patch_size": _whole(1),
    "architecture.backbone.options.stem": _whole(1),
    "architecture.backbone.options.grid": _whole(1),
    "architecture.backbone.options.widths": Rule(
        WIDTHS.says, lambda value: WIDTHS.allows(value) and bool(value)
    ),
    "architecture.backbone.options.depths": WIDTHS,
    "architecture.head.options.hidden": WIDTHS,
    "architecture.head.options.dropout": BELOW_1,
    "architecture.head.options.passes": _whole(1),
    "architecture.head.options.trees": _whole(1),
    "architecture.head.options.leaves": _whole(2),
    "architecture.context.name": WORD,
    "architecture.context.options": OPTIONS,
    "architecture.context.options.heads": _whole(1),
}
