"""What was read already, kept on disk: a reading that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from ml.manifest import Manifest
from ml.predictor import Answer

READING = "reading"  # the folder, in that of what is written
NAME = re.compile(r"[0-9a-f]{16}-\d+\.npz(\.new)?")


class Batch(NamedTuple):
    """What came of some files: places of those that were read, "file: reason" of the others.

    ``answer`` is None where none of them could be read.
    """

    indices: list[int]
    skipped: list[str]
    answer: Answer | None


class Kept:
    """The batches of one reading in ``folder``.

    One reading is one manifest (so one set of weights) and the same ``paths``, unchanged: of
    another one nothing is found.
    """

    def __init__(self, folder: Path, manifest: Manifest, paths: Sequence[Path], batch_size: int):
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        said = [manifest.raw, batch_size, [_state(path) for path in paths]]
        self._reading = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]

    def get(self, start: int) -> Batch | None:
        """The batch that begins at ``start``, if it was read; not where its file was spoilt."""
        try:
            with self._file(start).open("rb") as stream, np.load(stream) as file:
                held = dict(file)
            indices, skipped = held.pop("indices").tolist(), held.pop("skipped").tolist()
            return Batch(indices, skipped, Answer(**held) if held else None)
        except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile):
            return None

    def put(self, start: int, batch: Batch) -> None:
        held = {}
        if batch.answer is not None:
            values = {one.name: getattr(batch.answer, one.name) for one in fields(Answer)}
            held = {name: value for name, value in values.items() if value is not None}
        file = self._file(start)
        new = file.with_name(f"{file.name}.new")
        with new.open("wb") as stream:
            skipped = np.array(batch.skipped, dtype=str)
            np.savez(stream, indices=np.array(batch.indices, int), skipped=skipped, **held)
        os.replace(new, file)

    def _file(self, start: int) -> Path:
        return self._folder / f"{self._reading}-{start}.npz"


def forget(folder: Path) -> None:
    """Remove what was kept in ``folder`` and the folders in it; what else is there stays."""
    for inner, _, files in os.walk(folder, topdown=False):
        for name in filter(NAME.fullmatch, files):
            Path(inner, name).unlink()
        with suppress(OSError):
            os.rmdir(inner)


def _state(path: Path) -> tuple[str, int, int]:
    try:
        about = path.stat()
    except OSError:
        return str(path.absolute()), -1, -1
    return str(path.absolute()), about.st_size, about.st_mtime_ns
