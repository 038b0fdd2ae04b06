"""Look at processes from outside (Linux)."""

import time
from collections.abc import Iterable
from pathlib import Path


def is_running(pid: int) -> bool:
    """Whether the process exists and is more than an entry that nobody has collected."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_for_ends(pids: Iterable[int], *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while left := [pid for pid in pids if is_running(pid)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.02)


def children_of(pid: int) -> dict[int, str]:
    """Command lines of everything that a process has started, by process number."""
    found = {}
    for child in map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()):
        arguments = Path(f"/proc/{child}/cmdline").read_bytes()
        found[child] = arguments.replace(b"\0", b" ").decode()
        found |= children_of(child)
    return found
