"""The manifest of a checkpoint: what the weights are, what they were measured to do, and for whom.

Nothing here imports torch, so that the web process can read a manifest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from ml import taxonomy
from ml.config import RESIZES, Architecture, Preprocessing
from ml.errors import CheckpointError

# 1 had no bias, operating points, refusal and curves, 2 saw squares alone, and 3 had no lead in its
# calibration; all are still read
FORMAT = 4
READABLE = (1, 2, 3, FORMAT)
WEIGHTS = "model.safetensors"
MANIFEST = "manifest.json"
CARD = "MODEL_CARD.md"

# how many views of an image are read, by the name of the test-time augmentation (ml.tta)
VIEWS = {"none": 1, "mirror": 2, "flips": 4, "dihedral": 8}

# where nothing was measured; they order answers but promise no sensitivity
DEFAULT_THRESHOLDS = {"malignancy_medium": 0.3, "malignancy_high": 0.6, "prediction_set": 0.1}

HELD_OUT = "held_out_sha256"  # in ``data``: by which a split is known again (ml.data.splits)

# what manifests that do not say it were fitted with (ml.refusal.ACCEPTED)
ACCEPTED_UNSAID = {"not_a_lesion": 0.995, "unfamiliar": 0.975}

FIELDS: dict[str, type | tuple[type, ...]] = {
    "format": int,
    "name": str,
    "version": str,
    "recipe": str,
    "architecture": dict,
    "classes": list,
    "preprocessing": dict,
    "test_time_augmentation": str,
    "thresholds": dict,
    "calibration": dict,
    "data": dict,
    "metrics": dict,
    "subgroups": dict,
    "parameters": int,
    "intended_use": str,
    "limits": list,
    "created": str,
    "sha256": str,
}


@dataclass(frozen=True)
class Manifest:
    """A validated manifest; ``raw`` is the JSON object as it was read.

    ``thresholds`` holds "malignancy_medium" and "malignancy_high" (of the summed probability of the
    malignant classes) and "prediction_set" (of one class's probability; "prediction_set_malignant",
    where it is there, is for malignant classes). ``metrics`` is empty for a model that nobody has
    measured; ``operating_points``, ``refusal`` (thresholds of the outlier score, see ml.refusal)
    and ``outline`` (the share of the edge from which a lesion is cut off, see ml.outline) are empty
    where nothing was chosen. ``accepted`` are the shares of known lesions below each threshold of
    ``refusal``. ``changes`` is what was left of the quality under each change of the picture, as
    ml.robustness measures it; empty where that was not measured.
    """

    name: str
    version: str
    recipe: str
    classes: tuple[str, ...]  # codes, in the order of the outputs
    architecture: Architecture
    preprocessing: Preprocessing
    tta: str
    thresholds: dict[str, float]
    calibration: dict[str, Any]
    data: dict[str, Any]
    metrics: dict[str, Any]
    subgroups: dict[str, Any]
    parameters: int
    intended_use: str
    limits: tuple[str, ...]
    created: str
    sha256: str
    raw: dict[str, Any]
    operating_points: list[dict[str, Any]]
    refusal: dict[str, float]
    accepted: dict[str, float]
    outline: dict[str, float]
    changes: list[dict[str, Any]]

    @property
    def trained(self) -> bool:
        return bool(self.data)


def read_manifest(folder: Path | str) -> Manifest:
    """Read and validate ``folder``/manifest.json.

    Raises CheckpointError for a missing file, invalid JSON, a missing or mistyped field, an unknown
    class or a format that this code does not know.
    """
    file = Path(folder) / MANIFEST
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"{folder} is no checkpoint: it has no {MANIFEST}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file} cannot be read: {error}.") from error
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{file} is not valid JSON: {error}.") from error
    return parse_manifest(raw, str(file))


def parse_manifest(raw: Any, source: str = MANIFEST) -> Manifest:
    """Validate a manifest's JSON object; ``source`` names it in errors."""
    _check_fields(raw, source)
    _check_classes(raw["classes"], source)
    _check_reading(raw, source)
    try:
        architecture = Architecture.from_dict(raw["architecture"])
        preprocessing = Preprocessing.from_dict(raw["preprocessing"])
        _check_preprocessing(preprocessing, source)
    except (AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{source} describes no model that can be built: {error}.") from error
    return Manifest(
        name=raw["name"],
        version=raw["version"],
        recipe=raw["recipe"],
        classes=tuple(raw["classes"]),
        architecture=architecture,
        preprocessing=preprocessing,
        tta=raw["test_time_augmentation"],
        thresholds=raw["thresholds"],
        calibration=raw["calibration"],
        data=raw["data"],
        metrics=raw["metrics"],
        subgroups=raw["subgroups"],
        parameters=raw["parameters"],
        intended_use=raw["intended_use"],
        limits=tuple(raw["limits"]),
        created=raw["created"],
        sha256=raw["sha256"],
        raw=raw,
        operating_points=raw.get("operating_points", []),
        refusal=raw.get("refusal", {}),
        accepted=raw.get("accepted", ACCEPTED_UNSAID),
        outline=raw.get("outline", {}),
        changes=raw.get("changes", []),
    )


def _check_fields(raw: Any, source: str) -> None:
    if not isinstance(raw, dict):
        raise CheckpointError(f"{source} does not hold a JSON object.")
    for name, kind in FIELDS.items():
        if name not in raw:
            raise CheckpointError(f"{source} lacks the field '{name}'.")
        if not isinstance(raw[name], kind):
            raise CheckpointError(f"{source} has a field '{name}' of the wrong type.")
    if raw["format"] not in READABLE:
        raise CheckpointError(
            f"{source} is of format {raw['format']}; this version reads format {FORMAT} and older."
        )


def _check_classes(classes: list[Any], source: str) -> None:
    for code in classes:
        if not isinstance(code, str) or code not in taxonomy.BY_CODE:
            raise CheckpointError(f"{source} names a class that is not known: '{code}'.")
    if len(classes) < 2 or len(set(classes)) != len(classes):
        raise CheckpointError(f"{source} needs at least two classes, each named once.")


def _check_preprocessing(preprocessing: Preprocessing, source: str) -> None:
    if preprocessing.resize not in RESIZES:
        raise CheckpointError(
            f"{source} resizes in a way that is not known: '{preprocessing.resize}'."
        )
    size, aspect = preprocessing.size, preprocessing.aspect
    if not (isinstance(size, int) and _is_number(size) and _is_number(aspect)):
        raise CheckpointError(f"{source} needs a whole number as size, and a number as aspect.")
    if not aspect > 0 or min(preprocessing.shape) < 1:
        raise CheckpointError(f"{source} needs a size and an aspect above 0.")
    for name, least in (("mean", -math.inf), ("std", 0.0)):
        values = getattr(preprocessing, name)
        if len(values) != 3 or not all(_is_number(v) and v > least for v in values):
            above = " above 0" if name == "std" else ""
            raise CheckpointError(f"{source} needs three numbers{above} as {name} of the colours.")


def _is_number(value: Any) -> TypeGuard[float]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return math.isfinite(value)


def _check_reading(raw: dict[str, Any], source: str) -> None:
    if raw["test_time_augmentation"] not in VIEWS:
        raise CheckpointError(
            f"{source} names a test-time augmentation that is not known: "
            f"'{raw['test_time_augmentation']}'."
        )
    _check_shares(
        raw["thresholds"], [*DEFAULT_THRESHOLDS, *raw["thresholds"]], "a threshold", source
    )
    _check_shares(
        raw.get("accepted", ACCEPTED_UNSAID), ACCEPTED_UNSAID, "an accepted share", source
    )
    _check_calibration(raw["calibration"], len(raw["classes"]), source)
    for name, of in (("refusal", "refusal"), ("outline", "the outline")):
        limits = raw.get(name, {})
        if not isinstance(limits, dict) or not all(_is_number(v) for v in limits.values()):
            raise CheckpointError(f"{source} needs numbers as thresholds of {of}.")
    points = raw.get("operating_points", [])
    if not isinstance(points, list) or not all(_is_point(point) for point in points):
        raise CheckpointError(
            f"{source} needs a target, a sensitivity and a threshold of each operating point."
        )
    for name, kind in (("intended_range", dict), ("changes", list)):
        if not isinstance(raw.get(name, kind()), kind):
            raise CheckpointError(f"{source} has a field '{name}' of the wrong type.")


def _check_shares(shares: Any, names: Iterable[str], what: str, source: str) -> None:
    for name in names:
        value = shares.get(name) if isinstance(shares, dict) else None
        if not _is_number(value) or not 0 <= value <= 1:
            raise CheckpointError(f"{source} needs {what} '{name}' between 0 and 1.")


def _check_calibration(calibration: dict[str, Any], classes: int, source: str) -> None:
    temperature = calibration.get("temperature")
    if not _is_number(temperature) or not temperature > 0:
        raise CheckpointError(f"{source} needs a calibration temperature above 0.")
    for name in ("bias", "lead"):
        numbers = calibration.get(name, [0.0] * classes)
        listed = isinstance(numbers, list) and len(numbers) == classes
        if not listed or not all(_is_number(entry) for entry in numbers):
            raise CheckpointError(f"{source} needs one number of calibration {name} a class.")
    if any(stretch < 0 for stretch in calibration.get("lead", [])):
        raise CheckpointError(f"{source} needs a calibration lead of 0 or more for every class.")
    if not _is_number(calibration.get("prior", 0.0)):
        raise CheckpointError(f"{source} needs a number as prior of the calibration.")


def _is_point(point: Any) -> bool:
    named = isinstance(point, dict) and isinstance(point.get("target"), str)
    return named and all(_is_number(point.get(name)) for name in ("sensitivity", "threshold"))
