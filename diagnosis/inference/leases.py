"""What a worker owns of the queue: renewed while it reads, given back where it cannot go on."""

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from diagnosis.services import queue

logger = logging.getLogger(__name__)


class Leases:
    """The leases of the claims that are being read, of all lanes together."""

    def __init__(self) -> None:
        self.held: set[uuid.UUID] = set()

    def release(self) -> int:
        """Give the claimed rows back to the queue; how many they were."""
        return queue.release(set(self.held))

    def release_when_possible(self) -> bool:
        """Give the claimed rows back as soon as the database answers again; whether it did.

        While it stays away longer than a lease, the rows come free by themselves.
        """
        deadline = time.monotonic() + settings.NEVUS_LEASE_SECONDS
        while time.monotonic() < deadline:
            connection.close()
            try:
                self.release()
            except (InterfaceError, OperationalError):
                time.sleep(0.5)
            else:
                return True
        return False

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """A thread renews the leases, so that they can be short however long a batch takes."""
        done = threading.Event()
        keeper = threading.Thread(target=self._renew, args=(done,), name="leases", daemon=True)
        keeper.start()
        try:
            yield
        finally:
            done.set()
            keeper.join()
            self.held.clear()

    def _renew(self, done: threading.Event) -> None:
        try:
            while not done.wait(settings.NEVUS_LEASE_SECONDS / 3):
                try:
                    queue.renew_lease(set(self.held))
                # the database may be gone for a moment: the rows are read again if it stays away
                except Exception:
                    logger.exception("the leases could not be renewed")
                    connection.close()
        finally:
            connection.close()


def connection_was_lost(error: Exception) -> bool:
    """Whether the database went away, not whether it refused a statement.

    PostgreSQL's errors of that kind have no SQLSTATE, or one of class 08 (connection) or 57
    (operator intervention). SQLite's have none at all: its file does not go away.
    """
    cause = error.__cause__
    if cause is None or not hasattr(cause, "pgcode"):
        return False
    return cause.pgcode is None or cause.pgcode[:2] in ("08", "57")
