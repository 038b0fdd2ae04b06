"""What Prometheus would read from this web process; for a person at the terminal."""

import os
import sys
import urllib.request
from pathlib import Path


def main() -> None:
    port = (os.environ.get("NEVUS_BIND") or ":8000").rpartition(":")[2]
    request = urllib.request.Request(f"http://127.0.0.1:{port}/metrics")
    token = os.environ.get("NEVUS_METRICS_TOKEN_FILE")
    if token:
        request.add_header("Authorization", f"Bearer {Path(token).read_text().strip()}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as response:
        sys.stdout.buffer.write(response.read())


if __name__ == "__main__":
    main()
