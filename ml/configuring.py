"""Change single settings of a recipe: "training.learning_rate=3e-4", or a JSON file of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from ml.config import RESIZES, Context, Recipe
from ml.errors import RecipeError
from ml.manifest import VIEWS
from ml.schedules import SCHEDULES
from ml.taxonomy import BY_CODE, CLASS_SETS


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
    "training.augmentation.blur": NUMBER,
    "training.augmentation.noise": SHARE,
    "training.augmentation.hair_share": SHARE,
    "training.augmentation.ruler_share": SHARE,
    "training.augmentation.dropout_share": SHARE,
    "training.augmentation.dropout_holes": _whole(0),
    "training.augmentation.dropout_size": SHARE,
    "training.augmentation.mixup": NUMBER,
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


def with_settings(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """The recipe with each of ``settings`` (dotted path to value) changed.

    A path leads through fields and dictionaries: "architecture.head.options.dropout". Raises
    RecipeError for a path that does not exist, a value of another kind or out of its range (also
    one that the recipe had before), or pictures that the backbone cannot take.
    """
    for path, value in settings.items():
        if path == "classes":
            value = class_set(value)
        recipe = _set(recipe, path.split("."), value, path)
    _check(recipe)
    return recipe


def is_path(key: str) -> bool:
    """Whether it leads to a field of every recipe, and is no option of a single one."""
    return "." in key or key in ("classes", "tta")


def class_set(words: Any) -> tuple[str, ...]:
    """The class set of that name, or of these codes: "ham10000", "mel,nv,bkl", ["mel", "nv"].

    Raises RecipeError for a class that is not known or stands twice, and for one class alone.
    """
    if isinstance(words, str) and words in CLASS_SETS:
        return CLASS_SETS[words]
    listed = words.split(",") if isinstance(words, str) else words
    listed = listed if isinstance(listed, list | tuple) else [words]
    codes = tuple(str(code).strip() for code in listed)
    unknown = sorted(set(codes) - set(BY_CODE))
    if unknown or len(set(codes)) != len(codes) or len(codes) < 2:
        raise RecipeError(
            f"'{','.join(codes)}' is no class set; it is one of {', '.join(CLASS_SETS)}, or two "
            f"codes or more of {', '.join(BY_CODE)}, between commas."
        )
    return codes


def _check(recipe: Recipe) -> None:
    for path, rule in (RULES | OF_PARTS).items():
        for value in _at(recipe, path.split(".")):
            if not rule.allows(value):
                raise RecipeError(f"The setting '{path}' is {rule.says}, and {value!r} is not.")
    if min(recipe.preprocessing.shape) < 1:
        raise RecipeError("The setting 'preprocessing.aspect' leaves less than a pixel of width.")
    _check_batch(recipe)
    for path, shape in _shapes(recipe):
        _check_shape(recipe, path, shape)


def _at(part: Any, names: list[str]) -> list[Any]:
    """What stands at the path ``names``; nothing where it leads to no option or no context."""
    if not names:
        return [part]
    if isinstance(part, dict):
        return _at(part[names[0]], names[1:]) if names[0] in part else []
    return [] if part is None else _at(getattr(part, names[0]), names[1:])


def _check_batch(recipe: Recipe) -> None:
    config, head = recipe.training, recipe.architecture.head
    if head.name == "dnn" and head.options.get("hidden") and _smallest_part(recipe) < 2:
        raise RecipeError(
            f"A batch of {config.batch_size} images in {config.accumulate} parts leaves fewer than "
            "2 images in a part, which the batch norms of this head need; 'training.batch_size' "
            "and 'training.accumulate' go together."
        )


def _smallest_part(recipe: Recipe) -> int:
    return recipe.training.batch_size // recipe.training.accumulate


def _shapes(recipe: Recipe) -> Iterator[tuple[str, tuple[int, int]]]:
    """The heights and widths that the network sees, each with the setting that it comes from."""
    seen, config = recipe.preprocessing, recipe.training
    yield "preprocessing.size", seen.shape
    if config.size is not None:
        yield "training.size", replace(seen, size=config.size).shape
    largest = config.size or seen.size
    for _, size in config.smaller:
        yield "training.smaller", replace(seen, size=min(size, largest)).shape


def _check_shape(recipe: Recipe, path: str, shape: tuple[int, int]) -> None:
    backbone = recipe.architecture.backbone
    fixed, given = backbone.options.get("image_size"), f"{shape[1]} x {shape[0]}"
    if fixed is not None and shape != (fixed, fixed):
        raise RecipeError(
            f"This backbone is built for pictures of {fixed} x {fixed}, and '{path}' gives "
            f"{given}; 'architecture.backbone.options.image_size' and 'preprocessing.size' go "
            "together, 'training.size' is no other, and 'preprocessing.aspect' stays 1."
        )
    halved = len(backbone.options.get("widths", ())) if backbone.name == "autoencoder" else 0
    unit = 2**halved
    if shape[0] % unit or shape[1] % unit:
        raise RecipeError(
            f"This auto-encoder takes pictures whose sides are multiples of {unit}, and '{path}' "
            f"gives {given}."
        )


def _set(part: Any, names: list[str], value: Any, path: str) -> Any:
    if not names:
        return _fitting(part, value, path)
    name, rest = names[0], names[1:]
    if isinstance(part, dict):
        if rest and name not in part:
            raise RecipeError(f"There is no setting '{path}' ('{name}' is unknown).")
        # the options of a backbone or head are known to it alone, so a new one is let through
        new = _set(part[name], rest, value, path) if name in part else value
        return part | {name: new}
    known = [field.name for field in fields(part)] if is_dataclass(part) else []
    if name not in known:
        there = f"; there are: {', '.join(known)}" if known else ""
        raise RecipeError(f"There is no setting '{path}' ('{name}' is unknown{there}).")
    return replace(part, **{name: _set(getattr(part, name), rest, value, path)})


def _fitting(old: Any, value: Any, path: str) -> Any:
    if isinstance(old, tuple):
        value = _as_tuple(value)
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if path in RULES:  # which says of what kind it is
        return value
    if is_dataclass(old):
        names = ", ".join(field.name for field in fields(old))
        raise RecipeError(f"The setting '{path}' holds others; set one of them: {names}.")
    if old is not None and value is not None and type(old) is not type(value):
        kind = type(old).__name__
        raise RecipeError(f"The setting '{path}' is {kind}, and {value!r} is not.")
    return value


def _as_tuple(value: Any) -> Any:
    return tuple(_as_tuple(entry) for entry in value) if isinstance(value, list) else value


def parse_setting(text: str) -> tuple[str, Any]:
    """ "path=value" as path and value; the value is JSON, or else a word."""
    path, equals, value = text.partition("=")
    if not equals:
        raise RecipeError(f"'{text}' is no setting; write it as training.learning_rate=3e-4.")
    try:
        return path.strip(), json.loads(value)
    except ValueError:  # a word, or a number of thousands of digits
        return path.strip(), value


def read_settings(file: Path) -> dict[str, Any]:
    """The settings in a JSON file: an object of dotted paths and values."""
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{file} is no JSON: {error}.") from error
    if not isinstance(settings, dict):
        raise RecipeError(f"{file} holds no object of settings.")
    return settings
