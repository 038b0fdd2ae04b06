"""What is counted of readings. diagnosis/exposition.py makes the text of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Histogram

READINGS = Counter(
    "nevus_readings",
    "Readings by outcome: succeeded, failed for good, retried, or cancelled because the picture "
    "was entered in error meanwhile; with the reason of a failure.",
    ["outcome", "reason", "model"],
)
BATCH = Histogram(
    "nevus_batch_images",
    "Images that a worker claimed at once.",
    ["model"],
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
STAGE = Histogram(
    "nevus_stage_seconds",
    "Seconds of the worker: claim, forward, write for a batch; decode, heat_map for one image.",
    ["stage"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
ANSWER = Histogram(
    "nevus_answer_seconds",
    "Seconds from the order to the answer.",
    ["priority"],
    buckets=(0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 900, 3600),
)
SWEEPS = Counter("nevus_sweeps", "Sweeps for lost leases and bells.", ["outcome"])


@contextmanager
def timing(stage: str) -> Iterator[None]:
    """Note how long the inside takes, also where it fails."""
    started = time.perf_counter()
    try:
        yield
    finally:
        STAGE.labels(stage).observe(time.perf_counter() - started)
