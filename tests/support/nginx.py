"""nginx of the machine with the configuration that ships, in front of a web server."""

import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diagnosis.demo.processes import Child, free_port
from tests.support.stack import ROOT

START = ROOT / "docker" / "nginx" / "start.py"
# Debian keeps it away from the search path of users
PATH = f"{os.environ['PATH']}:/usr/sbin"


class Nginx(Child):
    """``url`` is its HTTPS address, ``plain`` the HTTP one, ``access_log`` what it writes."""

    url: str
    plain: str
    access_log: Path


def environment(folder: Path, **overrides: str) -> dict[str, str]:
    own = {
        "PATH": PATH,
        "ALLOWED_HOSTS": "127.0.0.1",
        "NEVUS_CERTIFICATE": "self-made",
        "NGINX_TMP": str(folder),
        "NGINX_CERTIFICATE": str(folder / "certificate.pem"),
        "NGINX_KEY": str(folder / "key.pem"),
        "NGINX_ACCESS_LOG": str(folder / "access.log"),
    }
    return own | overrides


@contextmanager
def running_nginx(folder: Path, *, web: str, **overrides: str) -> Iterator[Nginx]:
    """``web`` is the address of gunicorn without its scheme; keywords are further variables."""
    plain, secure = free_port(), free_port()
    ports = {
        "NGINX_HTTP_PORT": f"127.0.0.1:{plain}",
        "NGINX_HTTPS_PORT": f"127.0.0.1:{secure}",
        "NGINX_PUBLIC_PORT": f":{secure}",
        "NGINX_WEB": web,
    }
    nginx = Nginx(
        "nginx",
        [sys.executable, START],
        log=folder / "nginx.log",
        env=environment(folder, **ports | overrides),
    )
    nginx.url, nginx.plain = f"https://127.0.0.1:{secure}", f"http://127.0.0.1:{plain}"
    nginx.access_log = folder / "access.log"
    try:
        nginx.wait_until(lambda: status(f"{nginx.plain}/healthz/nginx/") == 200, seconds=30)
        yield nginx
    finally:
        nginx.stop()


def check(folder: Path, **overrides: str) -> subprocess.CompletedProcess[str]:
    """What the entry point says of the certificate."""
    return subprocess.run(
        [sys.executable, START, "check"],
        env=environment(folder, **overrides),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def trusting(certificate: Path) -> ssl.SSLContext:
    """A client that knows this certificate and no other."""
    return ssl.create_default_context(cafile=str(certificate))


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0
