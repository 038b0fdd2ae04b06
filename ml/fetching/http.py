"""HTTP with patience: what may pass is tried again, and what is half there is not taken."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ml.errors import DataError

ATTEMPTS = 6
TIMEOUT = 60.0  # seconds without a byte
LONGEST_WAIT = 60.0
CHUNK = 1 << 20

T = TypeVar("T")


def get_json(url: str, wait: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    """The JSON object at ``url``. Raises DataError where it cannot be had."""

    def read(response: http.client.HTTPResponse) -> dict[str, Any]:
        answer = json.load(response)
        if not isinstance(answer, dict):
            raise ValueError("no JSON object")
        return answer

    return _with_patience(url, read, wait)


def download(
    url: str, file: Path, size: int | None, wait: Callable[[float], None] = time.sleep
) -> None:
    """Write what is at ``url`` to ``file``, complete or not at all.

    ``size`` in bytes is checked where it is known. Raises DataError where it cannot be had.
    """
    part = file.with_name(f"{file.name}.part")

    def write(response: http.client.HTTPResponse) -> None:
        wanted = size if size is not None else response.length
        with part.open("wb") as stream:
            while chunk := _read(response):
                stream.write(chunk)
        got = part.stat().st_size
        if wanted is not None and got != wanted:
            raise ConnectionError(f"{got} bytes came instead of {wanted}")
        os.replace(part, file)

    try:
        _with_patience(url, write, wait)
    finally:
        part.unlink(missing_ok=True)


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(CHUNK)
    except OSError as error:  # of the network; one of the disk is raised where it is written
        raise ConnectionError(str(error)) from error


def _with_patience(
    url: str, use: Callable[[http.client.HTTPResponse], T], wait: Callable[[float], None]
) -> T:
    if not url.startswith(("https://", "http://")):
        raise DataError(f"{url} is no address of the web.")
    reason: Exception = ConnectionError()
    for attempt in range(ATTEMPTS):
        if attempt:
            wait(_pause(reason, attempt))
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as response:  # noqa: S310
                return use(response)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 and error.code != 429:
                raise DataError(f"{_short(url)} answers {error.code} ({error.reason}).") from error
            reason = error
        # broken off in the middle, refused, or not what it should be
        except (http.client.HTTPException, urllib.error.URLError, ConnectionError) as error:
            reason = error
        except (TimeoutError, ValueError) as error:
            reason = error
    raise DataError(
        f"{_short(url)} could not be fetched in {ATTEMPTS} attempts: {reason}. What is there is "
        "kept; the same command goes on."
    ) from reason


def _pause(reason: Exception, attempt: int) -> float:
    """Seconds to wait: what the server asks for, else longer each time."""
    asked = reason.headers.get("Retry-After") if isinstance(reason, urllib.error.HTTPError) else ""
    if asked and asked.isdigit():
        return min(float(asked), LONGEST_WAIT)
    return min(2.0 ** (attempt - 1), LONGEST_WAIT)


def _short(url: str) -> str:
    return url.partition("?")[0]  # a signed address is no business of a log
