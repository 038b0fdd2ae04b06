"""Progress bars, silent where nobody watches."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sized
from typing import Any

from tqdm import tqdm  # type: ignore[import-untyped]


def progress(items: Iterable[Any], title: str, total: int | None = None) -> Any:
    """``items`` with a bar on stderr; none when stderr is no terminal, or in a second process."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    second = os.environ.get("RANK", "0") != "0"  # of those that torchrun started
    return tqdm(items, title, total, leave=False, disable=True if second else None)
