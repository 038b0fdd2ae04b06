"""What the C library does with the memory of tensors that are gone."""

from __future__ import annotations

import ctypes

# glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
KEPT = 2**31 - 1  # bytes; an int is what mallopt takes
LARGEST = 2**30


def keep_memory() -> bool:
    """Keep what a batch needed for the next one; whether the C library can be told so (glibc).

    Otherwise it gives each large tensor back to the system and asks for zeroed pages again,
    which takes about a tenth of a worker's time on a CPU. The process stays as large as its largest
    batch. Its threads share one arena, so that what one has freed serves the others.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    told = [
        mallopt(M_ARENA_MAX, 1),
        mallopt(M_TRIM_THRESHOLD, KEPT),
        mallopt(M_MMAP_THRESHOLD, LARGEST),
    ]
    return all(told)
