"""Start, watch and stop the trial."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

from diagnosis.demo.processes import Child, ProcessError, stop_all

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120
STOP_SECONDS = 10
# a worker that dies more often is broken, not unlucky
RESTARTS = 3
RESTART_SECONDS = 60

Say = Callable[[str], object]


class TrialError(Exception):
    """The trial cannot run; the message is one sentence for the person at the terminal."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or another signal that asks to stop."""


@contextlib.contextmanager
def hold_lock(path: Path, *, address: str) -> Iterator[None]:
    """Keep a second trial out of this working copy.

    The lock lies on the open file and goes with the process, so that one that was killed leaves
    nothing stale; the content only says who holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            raise TrialError(
                f"This working copy already runs Nevus: {holder}. Stop it first (Ctrl-C)."
            ) from None
        lock.truncate(0)
        lock.write(f"{address} (process {os.getpid()})")
        lock.flush()
        yield


def parse_port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise TrialError(f"{text!r} is no port; choose one between 1 and 65535 with PORT=.")
    return int(text)


def check_port(host: str, port: int) -> None:
    """Raise TrialError when nobody can listen there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise TrialError(
                f"Cannot listen on {host} port {port} ({error.strerror}); "
                "choose another port with PORT=."
            ) from error


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn the signals that ask to stop into Interrupted."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_interruptions() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def run_to_end(command: list[str]) -> None:
    """In a process of its own: what checks a model loads torch, and that memory is not kept.

    It says what it makes, and logs nothing of each single picture.
    """
    quiet = os.environ | {"LOG_LEVEL": "WARNING"}
    done = subprocess.run(  # noqa: S603
        command, cwd=ROOT, env=quiet, check=False, start_new_session=True
    )
    if done.returncode:
        raise TrialError(f"{command[-1]} failed (exit code {done.returncode}); see above.")


def run(*, host: str, port: int, var: Path, say: Say) -> None:
    """Start the web server and the worker and watch them until a signal or a failure.

    Returns after a signal, when everything has stopped; raises ProcessError when the web server
    died, or the worker again and again.
    """
    address = browser_address(host, port)
    children: list[Child] = []
    parent = os.getppid()
    # what the processes of the last time counted
    shutil.rmtree(var / "metrics", ignore_errors=True)
    try:
        for log in (var / "log").glob("*.log"):
            log.unlink()
        web = start_web(host, port, var)
        children.append(web)
        children.append(start_worker(var))
        web.wait_until(lambda: answers(f"{address}/healthz/live/"), seconds=START_SECONDS)
        say(welcome(address, var))
        watch(children, parent, lambda: start_worker(var), say)
    finally:
        ignore_interruptions()
        stop_all(children, grace=STOP_SECONDS)


def start_web(host: str, port: int, var: Path) -> Child:
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    options = "--workers 2 --threads 4 --worker-class gthread --preload --no-control-socket"
    command = [sys.executable, "-m", "gunicorn", *options.split(), "--bind", bind]
    command += ["--graceful-timeout", "5", "config.wsgi:application"]
    return _start("web server", command, var, allowed_hosts(host))


def start_worker(var: Path) -> Child:
    # one thread: the embedded broker knows no acknowledgement, and one model fills the processor
    options = "--queues inference,default --beat --pool threads --concurrency 1 --loglevel INFO"
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", *options.split()]
    return _start("worker", [*command, "--schedule", str(var / "celerybeat-schedule")], var, {})


def _start(name: str, command: list[str], var: Path, env: dict[str, str]) -> Child:
    log = var / "log" / f"{name.split()[0]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    return Child(name, command, log=log, cwd=ROOT, env={**os.environ, **env})


def allowed_hosts(host: str) -> dict[str, str]:
    """Who listens beyond this machine is asked for by names that only the network knows."""
    local = ("127.0.0.1", "localhost", "::1")
    return {} if host in local or "ALLOWED_HOSTS" in os.environ else {"ALLOWED_HOSTS": "*"}


def watch(children: list[Child], parent: int, start_again: Callable[[], Child], say: Say) -> None:
    """Sleep until the web server, the first child, ends, or the worker, the last, ends too often.

    A worker that ends otherwise is replaced in ``children``: what it was reading is read again.
    """
    under_make = "MAKELEVEL" in os.environ
    ends: deque[float] = deque(maxlen=RESTARTS + 1)
    while True:
        time.sleep(0.2)
        web, worker = children
        if not web.running:
            raise ProcessError(web.describe_end())
        if not worker.running:
            ends.append(time.monotonic())
            if len(ends) > RESTARTS and ends[-1] - ends[0] < RESTART_SECONDS:
                raise ProcessError(worker.describe_end())
            # its timer may live on
            worker.kill()
            say(f"The worker stopped by itself and is started again; see {worker.log}.")
            children[-1] = start_again()
        if under_make and (os.getppid() != parent or is_held_by_interrupt(parent)):
            raise Interrupted


def is_held_by_interrupt(make: int) -> bool:
    """Whether make got an interrupt that did not reach its children, and waits for their end.

    At a terminal Ctrl-C reaches all of them; ``kill -INT`` reaches make alone, which passes on only
    SIGTERM. While a process handles a signal, Linux lists the same signal as blocked.
    """
    try:
        status = Path(f"/proc/{make}/status").read_text()
    except OSError:
        return False
    blocked = next(line for line in status.splitlines() if line.startswith("SigBlk:"))
    return bool(int(blocked.split()[1], 16) & 1 << (signal.SIGINT - 1))


def browser_address(host: str, port: int) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def answers(url: str) -> bool:
    """Whether the web server answers there; a proxy of the environment is not asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def welcome(address: str, var: Path) -> str:
    logins = var / "demo-logins.json"
    if logins.exists():
        table = format_table(json.loads(logins.read_text()))
    else:
        table = f"  {logins} is gone: manage.py changepassword USERNAME sets a new one."
    return f"""
Nevus runs at {address}

{table}

Logs: {var / "log"}. Press Ctrl-C to stop.
"""


def format_table(rows: list[dict[str, str]]) -> str:
    """Columns of text, named by the keys of the first row."""
    cells = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
    return "\n".join(f"  {line}" for line in lines)
