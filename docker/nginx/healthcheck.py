"""Whether nginx answers on its plain port."""

import os
import sys
import urllib.error
import urllib.request


def main() -> str | None:
    # also where an address stands before it
    port = (os.environ.get("NGINX_HTTP_PORT") or "8080").rpartition(":")[2]
    url = f"http://127.0.0.1:{port}/healthz/nginx/"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=4) as response:
            return None if response.status == 200 else f"{url} answered {response.status}"
    except (urllib.error.URLError, OSError) as error:
        return f"{url} did not answer: {error}"


if __name__ == "__main__":
    sys.exit(main())
