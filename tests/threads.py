"""Things that happen at the same moment, each on a database connection of its own."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection


def needs_postgresql() -> None:
    """Skip on SQLite: it has one writer, and its test database lies in one connection's memory."""
    if connection.vendor != "postgresql":
        pytest.skip("several writers need PostgreSQL")


def together(*calls: Callable[[], Any], seconds: float = 30) -> list[Any]:
    """What each call returned or raised; all begin at the same moment in threads."""
    barrier = threading.Barrier(len(calls))
    outcomes: list[Any] = [TimeoutError("a thread did not end")] * len(calls)

    def run(place: int, call: Callable[[], Any]) -> None:
        try:
            barrier.wait(seconds)
            outcomes[place] = call()
        except Exception as error:
            outcomes[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=entry, daemon=True) for entry in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    return outcomes
