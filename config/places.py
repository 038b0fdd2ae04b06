"""Addresses and folders that settings name."""

import os
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit


def with_password(url: str, password: str) -> str:
    """The address with the password, which may lie in a file of its own."""
    if not (url and password):
        return url
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    user = parts.username or ""
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{place}"))


def share_metrics(folder: Path) -> bool:
    """Let the processes that use this folder count together; False where it cannot be written.

    prometheus_client reads the variable when it is imported, which is after the settings.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if writable:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    else:
        os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
    return writable
