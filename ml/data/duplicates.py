"""Pictures that are the same, by their bytes or by their look."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ml.data.decoding import decode_all
from ml.errors import DataError
from ml.progress import progress

SIDE = 16  # of the hash: 256 bits
ALIKE = 12  # bits that may differ between pictures that look the same


def find_duplicates(paths: Sequence[Path], how: str) -> list[tuple[Path, Path]]:
    """Pairs of files, by "bytes" (equal files) or "looks" (these, and equal to the eye)."""
    if how == "bytes":
        return _same_bytes(paths)
    if how == "looks":
        return _same_bytes(paths) + _same_look(paths)
    raise DataError(f"Duplicates are found by 'bytes' or by 'looks', not by '{how}'.")


def _same_bytes(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    first: dict[str, Path] = {}
    pairs = []
    for path in progress([path for path in paths if path.exists()], "hash"):
        digest = digest_of(path)
        if digest in first:
            pairs.append((first[digest], path))
        first.setdefault(digest, path)
    return pairs


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def difference_hash(image: Image.Image) -> np.ndarray:
    """Whether each of 16 x 16 cells is brighter than its right neighbour: 4 words of 64 bits.

    The difference hash of N. Krawetz (2013): it does not change with size, contrast or compression.
    """
    grey = image.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.BOX)
    pixels = np.asarray(grey, dtype=np.int16)
    bits = pixels[:, 1:] > pixels[:, :-1]
    return np.packbits(bits).view(np.uint64)


def _same_look(paths: Sequence[Path]) -> list[tuple[Path, Path]]:
    skipped: list[str] = []
    found = list(progress(decode_all(paths, difference_hash, skipped), "compare", len(paths)))
    read = [paths[index] for index, _ in found]
    hashes = np.array([value for _, value in found]).reshape(-1, SIDE * SIDE // 64)
    pairs = []
    for index in range(len(hashes) - 1):
        distance = np.bitwise_count(hashes[index] ^ hashes[index + 1 :]).sum(1)
        pairs += [(read[index], read[index + 1 + k]) for k in np.flatnonzero(distance <= ALIKE)]
    return pairs
