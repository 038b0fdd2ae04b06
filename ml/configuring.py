"""Change single settings of a recipe: "training.learning_rate=3e-4", or a JSON file of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from ml.config import Recipe
from ml.errors import RecipeError
from ml.ranges import OF_PARTS, RULES
from ml.taxonomy import BY_CODE, CLASS_SETS


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
    check_batch(recipe)
    _check_loss(recipe)
    for path, shape in _shapes(recipe):
        _check_shape(recipe, path, shape)


def _at(part: Any, names: list[str]) -> list[Any]:
    """What stands at the path ``names``; nothing where it leads to no option or no context."""
    if not names:
        return [part]
    if isinstance(part, dict):
        return _at(part[names[0]], names[1:]) if names[0] in part else []
    return [] if part is None else _at(getattr(part, names[0]), names[1:])


def check_batch(recipe: Recipe, processes: int = 1) -> None:
    """Raise RecipeError where a part of each process's share is too small for the head."""
    config, head = recipe.training, recipe.architecture.head
    parts = config.accumulate * processes
    if head.name == "dnn" and head.options.get("hidden") and config.batch_size // parts < 2:
        raise RecipeError(
            f"A batch of {config.batch_size} images in {parts} parts leaves fewer than "
            "2 images in a part, which the batch norms of this head need; 'training.batch_size' "
            "and 'training.accumulate' go together, and the number of processes with them."
        )


def _check_loss(recipe: Recipe) -> None:
    """An auto-encoder learns to draw, without its head; nothing else does."""
    config, draws = recipe.training, recipe.architecture.backbone.name == "autoencoder"
    if (config.loss.name == "reconstruction") != draws:
        raise RecipeError(
            f"'training.loss.name' is '{config.loss.name}', and 'reconstruction' is for "
            "auto-encoders and for these alone."
        )
    if draws and config.freeze_epochs:
        raise RecipeError(
            "An auto-encoder that stands still learns nothing; 'training.freeze_epochs' is 0 here."
        )


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
