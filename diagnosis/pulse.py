"""How the worker of this process is, as its probes ask: plain facts in memory, no database."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# a batch that takes longer hangs: a device that answers no more ends only with its process
STUCK_SECONDS = 900.0
# the heartbeat is written every five seconds
SILENT_SECONDS = 20.0


@dataclass
class State:
    prepared: bool = False
    problem: str = ""
    heard_at: float | None = None
    # when each batch that is under way began
    batches: dict[object, float] = field(default_factory=dict)


state = State()


@contextmanager
def working() -> Iterator[None]:
    """The device has a batch."""
    batch = object()
    state.batches[batch] = time.monotonic()
    try:
        yield
    finally:
        del state.batches[batch]


def prepared(problem: str = "") -> None:
    """The models are loaded, or ``problem`` says which could not be."""
    state.prepared, state.problem = True, problem


def heard() -> None:
    """The database knows that this worker runs."""
    state.heard_at = time.monotonic()


def why_not_live() -> str:
    """Why only a restart helps; empty where none is needed."""
    began = min(tuple(state.batches.values()), default=None)
    if began is not None and time.monotonic() - began > STUCK_SECONDS:
        return f"a batch has been on the device for more than {STUCK_SECONDS:.0f} seconds"
    return ""


def why_not_started() -> str:
    return "" if state.prepared else "the models are being loaded"


def why_not_ready() -> str:
    """Why no reading is to be expected from this worker; empty where it reads."""
    waits = why_not_live() or why_not_started() or state.problem
    if waits:
        return waits
    if state.heard_at is None or time.monotonic() - state.heard_at > SILENT_SECONDS:
        return "the database has not heard of this worker lately"
    return ""
