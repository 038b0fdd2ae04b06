"""Child processes that write to a log file and never outlive their parent."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class ProcessError(Exception):
    """A child did not start or died; the message says which, why, and quotes its log."""


class Child:
    """One running program, the leader of its own process group.

    Its own group keeps Ctrl-C from reaching it before its parent, and lets ``stop`` reach whatever
    it started itself.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        user: str | None = None,
        orphan_signal: int = signal.SIGTERM,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - commands are written in this project
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                user=user,
                start_new_session=True,
                preexec_fn=lambda: _signal_when_parent_dies(orphan_signal),
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs, the negative number of the signal that ended it, or its exit code."""
        return self._process.poll()

    @property
    def running(self) -> bool:
        return self.returncode is None

    def describe_end(self) -> str:
        """Say how it ended, with the last lines of its log."""
        code = self._process.wait()
        ending = f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
        with self.log.open(errors="replace") as lines:
            tail = "".join(f"    {line}" for line in deque(lines, maxlen=20))
        return f"The {self.name} stopped by itself ({ending}). End of {self.log}:\n{tail}"

    def wait_until(self, ready: Callable[[], bool], *, seconds: float) -> None:
        """Wait until ``ready()``; raise ProcessError when it ends before, or the time is over."""
        deadline = time.monotonic() + seconds
        while not ready():
            if not self.running:
                raise ProcessError(self.describe_end())
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"The {self.name} was not ready after {seconds:.0f} seconds; see {self.log}."
                )
            time.sleep(0.05)

    def send(self, number: int) -> None:
        """Send a signal to it and to everything in its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """End it at once, as a crash or the out-of-memory killer would."""
        self.send(signal.SIGKILL)
        self._process.wait()

    def stop(self, *, grace: float = 10, number: int = signal.SIGTERM) -> None:
        stop_all([self], grace=grace, number=number)


def stop_all(children: Sequence[Child], *, grace: float, number: int = signal.SIGTERM) -> None:
    """Ask all of them to stop, wait together, then kill what is left."""
    for child in children:
        child.send(number)
    deadline = time.monotonic() + grace
    while any(child.running for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    for child in children:
        child.kill()


def free_port() -> int:
    """A TCP port of this machine that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _signal_when_parent_dies(number: int) -> None:
    # Linux only; elsewhere a killed parent leaves its children behind
    if hasattr(_LIBC, "prctl"):
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
