"""Checkpoints: folders of weights (safetensors), manifest (JSON) and model card.

Nothing here unpickles. The starter that ships with the project is in ml/checkpoints/starter.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from ml.cards import write_card
from ml.classifier import Classifier, build_classifier, count_parameters
from ml.config import Recipe
from ml.errors import CheckpointError, RecipeError
from ml.manifest import (
    DEFAULT_THRESHOLDS,
    FORMAT,
    MANIFEST,
    WEIGHTS,
    Manifest,
    parse_manifest,
    read_manifest,
)

STARTER = Path(__file__).parent / "checkpoints" / "starter"
STATISTICS = "head.refusal."  # begins the names of what ml.refusal needs, beside the weights
PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}

INTENDED_USE = (
    "A second reading of dermoscopic images, for a doctor trained in dermoscopy. It orders "
    "attention; it does not diagnose, and a named doctor signs every conclusion. For research; it "
    "is not a medical device."
)


# what a manifest says where nothing was fitted and measured yet
UNMEASURED: dict[str, Any] = {
    "format": FORMAT,
    "thresholds": DEFAULT_THRESHOLDS,
    "calibration": {"temperature": 1.0},
    "metrics": {},
    "subgroups": {},
}


def describe(recipe: Recipe, version: str) -> dict[str, Any]:
    """The manifest of an untrained model of this recipe, without weights' hash and size."""
    return UNMEASURED | {
        "name": recipe.name,
        "version": version,
        "recipe": recipe.name,
        "architecture": recipe.architecture.to_dict(),
        "classes": list(recipe.classes),
        "preprocessing": recipe.preprocessing.to_dict(),
        "test_time_augmentation": recipe.tta,
        "data": {},
        "intended_use": "None: the weights are random. For tests of speed and plumbing only.",
        "limits": ["Untrained: it must not be used to read images."],
    }


def save_checkpoint(
    folder: Path,
    model: Classifier,
    description: dict[str, Any],
    half: bool = False,
    statistics: dict[str, np.ndarray] | None = None,
) -> Manifest:
    """Write ``model``, its description (see ``describe``) and statistics as a checkpoint.

    With ``half`` the matrices are stored in fp16; vectors (norms, biases) stay fp32, because their
    range is wider. The manifest is written last, so a folder that was cut short is no checkpoint.
    Raises CheckpointError where it cannot be written; what the folder held before then stays, or is
    no checkpoint any more.
    """
    tensors = _tensors(model, half)
    for name, array in (statistics or {}).items():
        tensors[STATISTICS + name] = torch.from_numpy(array.astype(np.float32))
    raw = description | {
        "parameters": count_parameters(model),
        "created": datetime.now(UTC).date().isoformat(),
    }
    try:
        return _write(folder, tensors, raw)
    except (OSError, SafetensorError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise CheckpointError(f"{folder} cannot be written: {reason.rstrip('.')}.") from error
    finally:
        for name in (WEIGHTS, MANIFEST):
            with suppress(OSError):
                (folder / f"{name}.new").unlink()


def _write(folder: Path, tensors: dict[str, Tensor], raw: dict[str, Any]) -> Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    weights, page = folder / f"{WEIGHTS}.new", folder / f"{MANIFEST}.new"
    save_file(tensors, weights, {"format": "pt"})
    # safetensors writes for the owner alone, but workers run as other users
    weights.chmod(0o644)
    raw = raw | {"sha256": hash_file(weights)}
    manifest = parse_manifest(raw)
    page.write_text(json.dumps(raw, indent=2) + "\n", encoding="utf-8")
    (folder / MANIFEST).unlink(missing_ok=True)
    os.replace(weights, folder / WEIGHTS)
    write_card(folder, manifest)
    os.replace(page, folder / MANIFEST)
    return manifest


def _tensors(model: Classifier, half: bool) -> dict[str, Tensor]:
    tensors = {name: value.contiguous().cpu() for name, value in model.state_dict().items()}
    if half:
        return {name: v.half() if v.ndim > 1 else v for name, v in tensors.items()}
    return tensors


def hash_file(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def load_classifier(folder: Path | str, device: torch.device | str = "cpu") -> Classifier:
    """The checkpoint's model, in fp32 and evaluation mode, on ``device``.

    Raises CheckpointError if the folder holds pickles instead of safetensors, a file is missing,
    the hash is not the manifest's, or the tensors do not fit the architecture.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    tensors = _read_tensors(folder, manifest)
    try:
        with torch.device("meta"):
            model = build_classifier(manifest.architecture, len(manifest.classes))
        model.load_state_dict(tensors, strict=True, assign=True)
    except RecipeError as error:
        raise CheckpointError(f"{folder} cannot be built: {error}") from error
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"The tensors of {folder} do not fit its manifest: {reason}"
        ) from error
    return model.to(device).eval().requires_grad_(False)


def load_statistics(folder: Path | str) -> dict[str, np.ndarray]:
    """The arrays for ml.refusal that were stored with the weights, by name; empty without any.

    For a folder that ``load_classifier`` has checked.
    """
    with safe_open(Path(folder) / WEIGHTS, "np") as file:
        names = [name for name in file.keys() if name.startswith(STATISTICS)]  # noqa: SIM118
        return {n.removeprefix(STATISTICS): file.get_tensor(n).astype(np.float64) for n in names}


def _read_tensors(folder: Path, manifest: Manifest) -> dict[str, Tensor]:
    file = folder / WEIGHTS
    if not file.exists():
        pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES)
        if pickles:
            raise CheckpointError(
                f"{folder} holds {pickles[0]}, which could run code when it is loaded; "
                f"only {WEIGHTS} is read."
            )
        raise CheckpointError(f"{folder} has no {WEIGHTS}.")
    if hash_file(file) != manifest.sha256:
        raise CheckpointError(f"{file} is not the file that the manifest describes: wrong SHA-256.")
    try:
        tensors = load_file(file)
    except SafetensorError as error:
        raise CheckpointError(f"{file} is no valid safetensors file: {error}.") from error
    weights = {name: v for name, v in tensors.items() if not name.startswith(STATISTICS)}
    return {name: v.float() if v.is_floating_point() else v for name, v in weights.items()}
