"""Whether the process of this container is alive: exit code 0 or 1, and a line that says why.

The web process and the worker answer over HTTP; beat, which listens nowhere, is alive while it
still sends its bell: it touches a file each time.
"""

import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROLE = Path("/tmp/nevus-role")  # noqa: S108 - a tmpfs of this container alone
BELL = Path(os.environ.get("NEVUS_VAR", "/tmp/nevus")) / "beat.alive"  # noqa: S108
PATIENCE_SECONDS = 90


def main() -> str | None:
    """None where it is well, else what is wrong."""
    role = ROLE.read_text() if ROLE.exists() else "web"
    if role == "beat":
        return check_beat()
    port = os.environ.get("NEVUS_METRICS_PORT") or "9100"
    address = f"127.0.0.1:{port}" if role == "worker" else local(os.environ.get("NEVUS_BIND", ""))
    return check_http(f"http://{address}/healthz/live/")


def local(bind: str) -> str:
    """The address that this machine itself reaches: gunicorn's, on the loopback interface."""
    port = bind.rpartition(":")[2] or "8000"
    return f"127.0.0.1:{port}"


def check_http(url: str) -> str | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=4) as response:
            return None if response.status == 200 else f"{url} answered {response.status}"
    except (urllib.error.URLError, OSError) as error:
        return f"{url} did not answer: {error}"


def check_beat() -> str | None:
    if not BELL.exists():
        return "beat has not rung yet"
    age = time.time() - BELL.stat().st_mtime
    return None if age < PATIENCE_SECONDS else f"beat has not rung for {age:.0f} s"


if __name__ == "__main__":
    sys.exit(main())
