"""Threads that do the same work beside the one that calls them."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from django.db import connection


class Lanes:
    """Up to ``most`` lanes, the caller's own among them, for as long as a ``with`` block lasts.

    The others do ``work``, each on a database connection of its own, and return whether something
    was left to do. The block ends when the last of them has.
    """

    def __init__(self, work: Callable[[], bool], *, most: int) -> None:
        self.work = work
        self.most = most
        self.others: list[Future[bool]] = []
        self.pool = ThreadPoolExecutor(max(1, most - 1), "lane")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.pool.shutdown()

    @property
    def at_work(self) -> int:
        return 1 + sum(not other.done() for other in self.others)

    def open_all(self) -> None:
        """Start those that do not work: they have not begun yet, or found nothing more."""
        while self.at_work < self.most:
            self.others.append(self.pool.submit(self._work))

    def join(self) -> bool:
        """Wait for the others; whether one left something. Raises what one of them raised."""
        left = [other.result() for other in self.others]
        return any(left)

    def _work(self) -> bool:
        try:
            return self.work()
        finally:
            connection.close()
