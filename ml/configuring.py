"""Change single settings of a recipe: "training.learning_rate=3e-4", or a JSON file of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from ml.config import RESIZES, Recipe
from ml.errors import RecipeError
from ml.manifest import VIEWS
from ml.taxonomy import BY_CODE, CLASS_SETS


def with_settings(recipe: Recipe, settings: Mapping[str, Any]) -> Recipe:
    """The recipe with each of ``settings`` (dotted path to value) changed.

    A path leads through fields and dictionaries: "architecture.head.options.dropout". Raises
    RecipeError for a path that does not exist, a value of another kind, or pictures that the
    backbone cannot take.
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


def class_set(words: str | Sequence[str]) -> tuple[str, ...]:
    """The class set of that name, or of these codes: "ham10000", "mel,nv,bkl", ["mel", "nv"].

    Raises RecipeError for a class that is not known or stands twice, and for one class alone.
    """
    if isinstance(words, str) and words in CLASS_SETS:
        return CLASS_SETS[words]
    listed = words.split(",") if isinstance(words, str) else words
    codes = tuple(str(code).strip() for code in listed)
    unknown = sorted(set(codes) - set(BY_CODE))
    if unknown or len(set(codes)) != len(codes) or len(codes) < 2:
        raise RecipeError(
            f"'{','.join(codes)}' is no class set; it is one of {', '.join(CLASS_SETS)}, or two "
            f"codes or more of {', '.join(BY_CODE)}, between commas."
        )
    return codes


def _check(recipe: Recipe) -> None:
    seen, fixed = recipe.preprocessing, recipe.architecture.backbone.options.get("image_size")
    if seen.resize not in RESIZES:
        raise RecipeError(f"'preprocessing.resize' is one of {', '.join(RESIZES)}.")
    if recipe.tta not in VIEWS:
        raise RecipeError(f"'tta' is one of {', '.join(VIEWS)}.")
    if not seen.aspect > 0 or min(seen.shape) < 1:
        raise RecipeError("'preprocessing.size' and 'preprocessing.aspect' are above 0.")
    if fixed is not None and seen.shape != (fixed, fixed):
        raise RecipeError(
            f"This backbone is built for pictures of {fixed} x {fixed}, and 'preprocessing' gives "
            f"{seen.shape[1]} x {seen.shape[0]}; 'architecture.backbone.options.image_size' and "
            "'preprocessing.size' go together, and 'preprocessing.aspect' stays 1."
        )


def _set(part: Any, names: list[str], value: Any, path: str) -> Any:
    if not names:
        return _fitting(part, value, path)
    name, rest = names[0], names[1:]
    if isinstance(part, dict):
        # the options of a backbone or head are known to it alone, so a new one is let through
        new = _set(part[name], rest, value, path) if name in part else value
        return part | {name: new}
    known = [field.name for field in fields(part)] if is_dataclass(part) else []
    if name not in known:
        there = f"; there are: {', '.join(known)}" if known else ""
        raise RecipeError(f"There is no setting '{path}' ('{name}' is unknown{there}).")
    return replace(part, **{name: _set(getattr(part, name), rest, value, path)})


def _fitting(old: Any, value: Any, path: str) -> Any:
    if isinstance(old, tuple) and isinstance(value, list):
        return tuple(value)
    if isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if old is not None and value is not None and type(old) is not type(value):
        kind = type(old).__name__
        raise RecipeError(f"The setting '{path}' is {kind}, and {value!r} is not.")
    return value


def parse_setting(text: str) -> tuple[str, Any]:
    """ "path=value" as path and value; the value is JSON, or else a word."""
    path, equals, value = text.partition("=")
    if not equals:
        raise RecipeError(f"'{text}' is no setting; write it as training.learning_rate=3e-4.")
    try:
        return path.strip(), json.loads(value)
    except json.JSONDecodeError:
        return path.strip(), value


def read_settings(file: Path) -> dict[str, Any]:
    """The settings in a JSON file: an object of dotted paths and values."""
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise RecipeError(f"{file} is no JSON: {error}.") from error
    if not isinstance(settings, dict):
        raise RecipeError(f"{file} holds no object of settings.")
    return settings
