"""What is lost when one part is killed, and how long it takes to go on.

``python -m tests.benchmarks.faults`` (``make faults``) runs PostgreSQL, Redis, gunicorn, a worker
and beat with the settings of production but small batches, and kills each part (SIGKILL) at each
step of the way of an image:

- ``upload``: pictures are coming in, half of them are accepted;
- ``wait``: all are accepted and none is claimed;
- ``read``: the worker has claimed some;
- ``answer``: the first answer has been written.

A part that was killed is started again at once, as a supervisor does. Pictures are sent by a client
that asks again with the same Idempotency-Key where it gets no answer. Writes var/faults.json, one
cell for each part and step:

- ``accepted``: pictures that the client holds a receipt for;
- ``answered``: those that were read, or refused as no lesion;
- ``lost``: those that were neither after two minutes;
- ``duplicated``: orders and answers beyond one for each accepted picture;
- ``recovery_s``: seconds from the kill to the last answer, ``undisturbed_s`` those from the same
  step to the last answer in a run in which nothing is killed.
"""

import argparse
import http.client
import io
import json
import os
import signal
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psycopg2
from PIL import Image

from diagnosis.demo.processes import Child
from tests.benchmarks.installation import ROOT, SERVER, Installation
from tests.support.api import multipart
from tests.support.pictures import as_jpeg, photographs
from tests.support.postgres import PrivatePostgres
from tests.support.redis import Redis

PARTS = ("web", "worker", "beat", "redis", "postgres")
STEPS = ("upload", "wait", "read", "answer")
PICTURES, BATCH = 24, 4  # several batches, or the first answer would be the last
PATIENCE_SECONDS = 120
COUNTS = """SELECT
    count(*) FILTER (WHERE status = 'running'),
    count(*) FILTER (WHERE status IN ('succeeded', 'rejected'))
    FROM diagnosis_diagnosisrequest WHERE id = ANY(%s::uuid[])"""


@dataclass(frozen=True)
class Cell:
    part: str
    step: str
    accepted: int
    answered: int
    lost: int
    duplicated: int
    recovery_s: float
    undisturbed_s: float


@dataclass
class Client:
    """Sends pictures one after the other until each is accepted."""

    port: int
    token: str
    lesion: str
    receipts: list[str] = field(default_factory=list)

    def send_all(self, pictures: list[bytes]) -> None:
        for content in pictures:
            self.receipts.append(self._send(content))

    def _send(self, content: bytes) -> str:
        body, kind = multipart({"lesion": self.lesion}, name="picture.jpg", content=content)
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": kind,
            "Idempotency-Key": str(uuid.uuid4()),
            "X-Forwarded-Proto": "https",
        }
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                connection.request("POST", "/api/v1/diagnoses/", body, headers)
                answer = connection.getresponse()
                content = answer.read()
                if answer.status == 202:
                    return json.loads(content)["id"]
                reason = f"{answer.status}: {content[:300]!r}"
            except (OSError, http.client.HTTPException) as error:
                reason = repr(error)
            finally:
                connection.close()
            if time.monotonic() > deadline:
                raise SystemExit(f"A picture was not accepted: {reason}")
            time.sleep(0.5)


class Clinic:
    """Every part of one Nevus, each of which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.postgres, self.redis = PrivatePostgres(SERVER), Redis()
        self.postgres.start()
        self.redis.start()
        self.place = Installation(self.postgres, self.redis, "faults", folder)
        self.place.environment["NEVUS_BATCH_SIZE"] = str(BATCH)
        self.place.manage("migrate", "--verbosity", "0")
        self.place.manage("collectstatic", "--noinput", "--verbosity", "0")
        starter = ROOT / "ml" / "checkpoints" / "starter"
        self.place.run("-m", "tests.benchmarks.orders", "0", str(starter))
        scopes = ("--scope", "write", "--scope", "diagnose")
        self.token = self.place.manage("create_token", "doctor", *scopes).splitlines()[-1]
        ((self.lesion,),) = self.place.ask("SELECT id::text FROM clinic_lesion")
        self.children: dict[str, Child] = {}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        for part in ("web", "worker", "beat"):
            self._start(part)

    def close(self) -> None:
        for child in self.children.values():
            child.stop()
        self.redis.close()
        self.postgres.stop()

    def kill(self, part: str) -> None:
        """SIGKILL it, and start it again."""
        if part == "redis":
            self.redis.server.kill()
            self.redis.start()
        elif part == "postgres":
            self.postgres.crash()
        else:
            self.children[part].kill()
            self._start(part)

    def _start(self, part: str) -> None:
        if part == "web":
            self.children[part], _url = self.place.start_web(self.port)
        elif part == "worker":
            self.children[part] = self.place.start_worker()
        else:
            self.children[part] = self.place.start_beat()

    def counts(self, orders: list[str]) -> tuple[int, int]:
        """How many of these are running and answered; -1 while the database does not answer."""
        try:
            ((running, answered),) = self.place.ask(COUNTS, orders)
        except psycopg2.OperationalError:
            return -1, -1
        return running, answered

    def pause(self, number: int) -> None:
        """Stop (SIGSTOP) or go on with (SIGCONT) the worker."""
        self.children["worker"].send(number)


def measure(clinic: Clinic, part: str | None, step: str, pictures: list[bytes]) -> Cell:
    """Send the pictures and kill ``part`` (none: let it be) at ``step``."""
    ((before,),) = clinic.place.ask("SELECT count(*) FROM diagnosis_diagnosisrequest")
    client = Client(clinic.port, clinic.token, clinic.lesion)
    # the worker is held until the pictures are in, or it would be through before they are
    held = step != "upload"
    if held:
        clinic.pause(signal.SIGSTOP)
    sending = threading.Thread(target=client.send_all, args=(pictures,))
    sending.start()
    if step == "upload":
        wait_until(lambda: len(client.receipts) >= len(pictures) // 2)
    else:
        sending.join()
    if step in ("read", "answer"):
        clinic.pause(signal.SIGCONT)
        which = 0 if step == "read" else 1
        # a batch may be read between two looks
        wait_until(lambda: max(clinic.counts(client.receipts)[which:]) > 0)
    began = time.monotonic()
    if part is not None:
        clinic.kill(part)
    if step == "wait":
        clinic.pause(signal.SIGCONT)
    sending.join()
    recovery = seconds_to_the_last_answer(clinic, client.receipts, began)
    orders, answers = totals(clinic)
    answered = clinic.counts(client.receipts)[1]
    accepted = len(set(client.receipts))
    return Cell(
        part=part or "none",
        step=step,
        accepted=accepted,
        answered=answered,
        lost=accepted - answered,
        duplicated=(orders - before - accepted) + max(0, answers - orders),
        recovery_s=round(recovery, 1),
        undisturbed_s=0.0,
    )


def totals(clinic: Clinic) -> tuple[int, int]:
    """Orders and answers in the database."""
    return clinic.place.ask(
        """SELECT (SELECT count(*) FROM diagnosis_diagnosisrequest),
        (SELECT count(*) FROM diagnosis_prediction)"""
    )[0]


def seconds_to_the_last_answer(clinic: Clinic, orders: list[str], began: float) -> float:
    while time.monotonic() < began + PATIENCE_SECONDS:
        if clinic.counts(orders)[1] == len(orders):
            break
        time.sleep(0.1)
    return time.monotonic() - began


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit("The step was not reached.")
        time.sleep(0.01)


def different(pictures: list[bytes], round_: int) -> list[bytes]:
    """The same pictures with one other pixel: one that is there already is not taken again."""
    found = []
    for content in pictures:
        image = Image.open(io.BytesIO(content)).convert("RGB")
        image.putpixel((round_, 0), (255, 255, 255))
        found.append(as_jpeg(image))
    return found


def table(cells: list[Cell]) -> str:
    head = f"{'part':10}{'step':8}{'accepted':>9}{'answered':>9}{'lost':>6}{'twice':>6}"
    lines = [f"{head}{'seconds':>9}{'undisturbed':>13}"]
    for cell in cells:
        counts = f"{cell.accepted:>9}{cell.answered:>9}{cell.lost:>6}{cell.duplicated:>6}"
        times = f"{cell.recovery_s:>9.1f}{cell.undisturbed_s:>13.1f}"
        lines.append(f"{cell.part:10}{cell.step:8}{counts}{times}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "faults.json")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    options = parser.parse_args()
    pictures = photographs(PICTURES)
    cells: list[Cell] = []
    round_ = 0
    with tempfile.TemporaryDirectory(prefix="nevus-faults-") as folder:
        clinic = Clinic(Path(folder))
        try:
            for step in options.steps:
                usual = measure(clinic, None, step, different(pictures, round_ := round_ + 1))
                for part in options.parts:
                    cell = measure(clinic, part, step, different(pictures, round_ := round_ + 1))
                    cells.append(Cell(**asdict(cell) | {"undisturbed_s": usual.recovery_s}))
                    print(table(cells[-1:]).splitlines()[-1], flush=True)
        finally:
            clinic.close()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    facts = {"cores": os.cpu_count(), "cells": [asdict(cell) for cell in cells]}
    options.out.write_text(json.dumps(facts, indent=1) + "\n")
    print(table(cells))
    if any(cell.lost or cell.duplicated for cell in cells):
        raise SystemExit("A picture was lost or answered twice.")


if __name__ == "__main__":
    main()
