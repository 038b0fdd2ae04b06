import os
import socket
import sys
import time
from pathlib import Path

import pytest

from diagnosis.demo import trial
from diagnosis.demo.processes import Child, ProcessError, free_port, stop_all
from tests.support.processes import is_running, wait_for_ends

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('ignoring', flush=True); time.sleep(60)"
)
WITH_GRANDCHILD = (
    "import subprocess, time; "
    "print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
)
PARENT = """
import sys, time
from pathlib import Path
from diagnosis.demo.processes import Child
child = Child("sleeper", ["sleep", "60"], log=Path(sys.argv[1]))
print(child.pid, flush=True)
time.sleep(60)
"""


def start_python(code: str, folder: Path, *arguments: str) -> Child:
    return Child("program", [sys.executable, "-c", code, *arguments], log=folder / "log")


def wait_for_pid(log: Path) -> int:
    while not log.read_text().strip():
        time.sleep(0.01)
    return int(log.read_text())


def test_child_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    child = start_python(STUBBORN, tmp_path)
    child.wait_until(lambda: "ignoring" in child.log.read_text(), seconds=10)
    stop_all([child], grace=0.3)
    assert child.returncode == -9


def test_stop_reaches_what_a_child_has_started(tmp_path: Path) -> None:
    child = start_python(WITH_GRANDCHILD, tmp_path)
    grandchild = wait_for_pid(child.log)
    assert is_running(grandchild)
    child.stop()
    wait_for_ends([grandchild])


def test_child_ends_with_its_killed_parent(tmp_path: Path) -> None:
    parent = start_python(PARENT, tmp_path, str(tmp_path / "child.log"))
    child = wait_for_pid(parent.log)
    assert is_running(child)
    parent.kill()
    wait_for_ends([child])


def test_early_end_is_told_with_the_log(tmp_path: Path) -> None:
    child = start_python("raise SystemExit('no room left')", tmp_path)
    with pytest.raises(ProcessError, match=r"(?s)program.*exit code 1.*no room left"):
        child.wait_until(lambda: False, seconds=10)


def test_child_that_never_gets_ready_is_told(tmp_path: Path) -> None:
    child = start_python("import time; time.sleep(60)", tmp_path)
    with pytest.raises(ProcessError, match="not ready after 0 seconds"):
        child.wait_until(lambda: False, seconds=0)
    child.kill()


def test_a_worker_that_keeps_dying_ends_the_trial(tmp_path: Path) -> None:
    web = start_python("import time; time.sleep(60)", tmp_path)
    workers = [start_python(f"raise SystemExit('end {number}')", tmp_path) for number in range(4)]
    children, said = [web, workers.pop(0)], []
    with pytest.raises(ProcessError, match=r"(?s)program stopped by itself.*end 3"):
        trial.watch(children, os.getppid(), lambda: workers.pop(0), said.append)
    assert (len(said), workers, web.running) == (trial.RESTARTS, [], True)
    web.kill()


@pytest.mark.parametrize("text", ["", "abc", "0", "-1", "65536", "80.5", "٣"])
def test_bad_port_is_refused(text: str) -> None:
    with pytest.raises(trial.TrialError, match="between 1 and 65535"):
        trial.parse_port(text)


def test_port_in_use_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(trial.TrialError, match=f"port {port} .*in use.*PORT="):
            trial.check_port("127.0.0.1", port)


def test_free_port_is_accepted() -> None:
    trial.check_port("127.0.0.1", free_port())


def test_second_trial_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "demo.lock"
    with (
        trial.hold_lock(path, address="http://127.0.0.1:8000"),
        pytest.raises(trial.TrialError, match=r"already runs Nevus: http://127.0.0.1:8000"),
        trial.hold_lock(path, address="http://127.0.0.1:8001"),
    ):
        pytest.fail("two trials hold the lock")


def test_lock_of_a_dead_trial_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "demo.lock"
    path.write_text("http://127.0.0.1:8000 (process 1)")
    with trial.hold_lock(path, address="http://127.0.0.1:8001"):
        assert path.read_text().startswith("http://127.0.0.1:8001 ")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("nevus.lan", "http://nevus.lan:80"),
    ],
)
def test_browser_address(host: str, address: str) -> None:
    assert trial.browser_address(host, 80) == address


def test_table_is_aligned() -> None:
    rows = [{"username": "doctor", "role": "doctor"}, {"username": "administrator2", "role": "x"}]
    assert trial.format_table(rows).splitlines() == [
        "  username        role",
        "  doctor          doctor",
        "  administrator2  x",
    ]
