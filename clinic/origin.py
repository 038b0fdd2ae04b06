"""Where the current work comes from: the address and the API token for the audit log, the request
id for the logs."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

address: ContextVar[str | None] = ContextVar("address", default=None)
# the key of the API token that the request came with
token: ContextVar[str | None] = ContextVar("token", default=None)
# of the call that this work belongs to, in the web process and later in the worker
request_id: ContextVar[str] = ContextVar("request_id", default="")


@contextmanager
def following(identifier: str) -> Iterator[None]:
    """Log lines written inside belong to that call."""
    before = request_id.set(identifier)
    try:
        yield
    finally:
        request_id.reset(before)
