"""Words around a number."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """Return "1 image", or "2 images"."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
