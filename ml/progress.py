"""Progress bars, silent where nobody watches."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from typing import Any

from tqdm import tqdm  # type: ignore[import-untyped]


def progress(items: Iterable[Any], title: str, total: int | None = None) -> Any:
    """``items`` with a bar on stderr; none at all when stderr is no terminal."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    return tqdm(items, title, total, leave=False, disable=None)
