"""A run's own folder: its state after the last whole epoch, and its best weights.

A file is written beside the one it replaces, so whatever stops the writing leaves the one before.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from ml.config import Recipe
from ml.data.samples import Sample
from ml.data.splits import Splits
from ml.errors import TrainingError

RUN = "run"  # inside the checkpoint's folder
BEST = "best.safetensors"
STATE = "state.pt"


@dataclass
class History:
    """One row of figures for each epoch that is done; ``score`` decides which one is the best.

    There is none where there is no validation part.
    """

    rows: list[dict[str, float]] = field(default_factory=list)

    @property
    def scores(self) -> list[float]:
        return [row["score"] for row in self.rows if "score" in row]


def fingerprint(recipe: Recipe, parts: Splits) -> str:
    """What a run may not change between stopping and going on: the recipe and the images."""
    images = [name_images(part) for part in (parts.train, parts.validation)]
    return json.dumps(asdict(recipe) | {"images": images}, sort_keys=True)


def name_images(samples: Sequence[Sample]) -> str:
    """SHA-256 of the names of their files, in this order."""
    return hashlib.sha256(json.dumps([s.path.name for s in samples]).encode()).hexdigest()


def load_state(run: Path, resume: bool, mark: str) -> dict[str, Any] | None:
    """The state in ``run``, None where there is none.

    Its tensors, which may be many gigabytes, lie in the file until they are read. Raises
    TrainingError if there is one but ``resume`` was not asked for, or it is of another
    configuration (``mark``) or cannot be read.
    """
    file = run / STATE
    if not file.exists():
        return None
    if not resume:
        raise TrainingError(f"{run} holds a run already; add --resume, or choose another folder.")
    try:
        state = torch.load(file, weights_only=True, map_location="cpu", mmap=True)
    except Exception as error:  # torch raises several kinds for a file that is damaged
        raise TrainingError(f"{file} cannot be read; remove it to start anew.") from error
    if state["mark"] != mark:
        changed = ", ".join(changes(state["mark"], mark))
        raise TrainingError(
            f"{run} holds a run of another configuration ({changed}); choose another folder."
        )
    return state


def changes(old: str, new: str) -> Sequence[str]:
    """What differs between two of ``fingerprint``, by the names of a recipe's fields."""
    before, after = json.loads(old), json.loads(new)
    return sorted(key for key in before | after if before.get(key) != after.get(key))


def save_state(run: Path, state: dict[str, Any]) -> None:
    """Raises TrainingError where it cannot be written; the state before is kept."""

    _replace(run / STATE, lambda file: torch.save(state, file))


def save_weights(run: Path, model: nn.Module) -> None:
    """Raises TrainingError where they cannot be written; those before are kept."""
    tensors = {name: v.contiguous().cpu() for name, v in model.state_dict().items()}
    _replace(run / BEST, lambda file: save_file(tensors, file))


def _replace(file: Path, write: Callable[[Path], None]) -> None:
    new = file.with_suffix(".new")
    try:
        write(new)
        with new.open("rb") as stream:
            os.fsync(stream.fileno())  # or a power cut may leave an empty file of the new name
        os.replace(new, file)
    except (OSError, RuntimeError, SafetensorError) as error:
        new.unlink(missing_ok=True)
        raise TrainingError(
            f"{file} could not be written ({error}); the state of the epoch before is kept. "
            "Make room on the disk and go on with --resume."
        ) from error
