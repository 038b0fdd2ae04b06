"""Where the current request comes from, for the audit log."""

from contextvars import ContextVar

address: ContextVar[str | None] = ContextVar("address", default=None)
