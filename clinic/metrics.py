"""What is counted of uploads."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter

from clinic.errors import DomainError

UPLOADS = Counter(
    "nevus_uploads",
    "Uploaded pictures: accepted, or the code of the refusal.",
    ["outcome"],
)


@contextmanager
def counting_refusals() -> Iterator[None]:
    """Count what is refused inside by its code."""
    try:
        yield
    except DomainError as error:
        UPLOADS.labels(error.code).inc()
        raise
