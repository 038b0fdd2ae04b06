"""``manage.py demo`` as a person at a terminal meets it."""

import io
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from diagnosis.demo.processes import Child, free_port
from diagnosis.demo.trial import answers
from tests.support.api import ApiClient
from tests.support.processes import children_of, wait_for_ends
from tests.support.stack import ROOT

OF_OTHER_SYSTEMS = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "REDIS_URL")
WELCOME = "Press Ctrl-C to stop"


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of one trial: the first test fills it, the others start faster."""
    return tmp_path_factory.mktemp("trial")


def environment(var: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in OF_OTHER_SYSTEMS}
    return {**kept, "NEVUS_VAR": str(var)}


def command(port: int) -> list[str]:
    return [sys.executable, "manage.py", "demo", "--port", str(port)]


def try_demo(port: int, var: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(port),
        cwd=ROOT,
        env=environment(var),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@contextmanager
def running_demo(port: int, var: Path) -> Iterator[Child]:
    log = var / "terminal.log"
    log.unlink(missing_ok=True)
    demo = Child("demo", command(port), log=log, cwd=ROOT, env=environment(var))
    try:
        demo.wait_until(lambda: WELCOME in log.read_text(), seconds=200)
        yield demo
    finally:
        demo.stop(grace=30)


def wait_for_exit(demo: Child) -> int:
    deadline = time.monotonic() + 30
    while demo.running and time.monotonic() < deadline:
        time.sleep(0.05)
    assert demo.returncode is not None, "the trial does not stop"
    return demo.returncode


def test_first_start_answers_and_interrupt_stops_all_of_it(var: Path) -> None:
    port = free_port()
    with running_demo(port, var) as demo:
        assert answers(f"http://127.0.0.1:{port}/healthz/live/")
        terminal = demo.log.read_text()
        assert f"http://127.0.0.1:{port}\n" in terminal
        assert re.search(r"^ *doctor2? ", terminal, re.MULTILINE)
        assert stat.S_IMODE((var / "demo-logins.json").stat().st_mode) == 0o600
        children = children_of(demo.pid)
        assert any("celery" in name for name in children.values())
        assert any("gunicorn" in name for name in children.values())
        demo.send(signal.SIGINT)
        assert wait_for_exit(demo) == 0
        wait_for_ends(children)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port))


def test_next_start_takes_ten_seconds_at_most(var: Path) -> None:
    start = time.monotonic()
    with running_demo(free_port(), var):
        assert time.monotonic() - start < 10


def test_where_the_model_looked_is_drawn_without_a_server_of_queues(var: Path) -> None:
    port = free_port()
    logins = {row["username"]: row["password"] for row in json.loads(logins_of(var))}
    with running_demo(port, var) as demo:
        nobody = ApiClient(f"http://127.0.0.1:{port}", "")
        who = {"username": "doctor", "password": logins["doctor"], "name": "map", "days": 1}
        api = ApiClient(f"http://127.0.0.1:{port}", nobody.post("/tokens/", who).body["token"])

        def read() -> list[dict]:
            return api.get("/diagnoses/?status=succeeded").body["results"]

        demo.wait_until(lambda: bool(read()), seconds=60)
        row = read()[0]
        address = f"/diagnoses/{row['id']}/heatmap/"
        assert api.get(address).status == 202
        demo.wait_until(lambda: api.get(address).status == 200, seconds=30)
        image = api.get(f"/images/{row['image']}/").body
        with PillowImage.open(io.BytesIO(api.get(address).body)) as picture:
            assert (picture.mode, picture.size) == ("RGBA", (image["width"], image["height"]))
            assert picture.getchannel("A").getextrema()[0] == 0


def logins_of(var: Path) -> str:
    return (var / "demo-logins.json").read_text()


def test_second_demo_is_refused_in_one_sentence(var: Path) -> None:
    port = free_port()
    with running_demo(port, var):
        second = try_demo(free_port(), var)
        assert second.returncode == 1
        assert re.search(rf"already runs Nevus: http://127.0.0.1:{port} ", second.stderr)
        assert len(second.stderr.splitlines()) == 1


def test_port_in_use_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = try_demo(server.getsockname()[1], tmp_path)
    assert done.returncode == 1
    assert "choose another port with PORT=" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "nevus.sqlite3").exists()


def worker_of(demo: Child) -> int | None:
    found = [pid for pid, name in children_of(demo.pid).items() if "celery" in name]
    return found[0] if found else None


def test_dead_worker_is_started_again(var: Path) -> None:
    port = free_port()
    with running_demo(port, var) as demo:
        before = worker_of(demo)
        os.kill(before, signal.SIGKILL)
        demo.wait_until(lambda: worker_of(demo) not in (None, before), seconds=20)
        assert answers(f"http://127.0.0.1:{port}/healthz/live/")
        assert "The worker stopped by itself and is started again" in demo.log.read_text()
        children = children_of(demo.pid)
        demo.send(signal.SIGINT)
        assert wait_for_exit(demo) == 0
        wait_for_ends(children)


def test_dead_web_server_stops_the_rest_and_says_why(var: Path) -> None:
    with running_demo(free_port(), var) as demo:
        children = children_of(demo.pid)
        os.kill(next(pid for pid, name in children.items() if "gunicorn" in name), signal.SIGKILL)
        assert wait_for_exit(demo) == 1
        wait_for_ends(children)
        assert "The web server stopped by itself (signal SIGKILL)" in demo.log.read_text()
        assert str(var / "log" / "web.log") in demo.log.read_text()


def test_killed_demo_leaves_nothing_running(var: Path) -> None:
    with running_demo(free_port(), var) as demo:
        children = children_of(demo.pid)
        os.kill(demo.pid, signal.SIGKILL)
        wait_for_ends(children)
