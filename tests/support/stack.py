"""A whole Nevus for end-to-end tests: real processes on a database that only they use.

The database is a copy of a migrated one and is not rolled back: worker and web processes see what
a test commits. Nothing is in it until the test puts it there.
"""

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from diagnosis.demo.processes import Child, free_port, stop_all
from diagnosis.demo.trial import answers
from tests.support.postgres import Postgres
from tests.support.redis import Redis

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 120


class Worker(Child):
    """A Celery worker process: ``pid``, ``kill()`` (SIGKILL), ``stop()``, ``log``."""


class WebServer(Child):
    """A gunicorn process; ``url`` has no slash at its end."""

    url: str


class Stack:
    """Database, Redis and folder of one Nevus, and the processes that run on them."""

    def __init__(
        self, postgres: Postgres, *, template: str, folder: Path, unblocker: DjangoDbBlocker
    ) -> None:
        self.postgres = postgres
        self.database = f"e2e_{uuid.uuid4().hex}"
        self.folder = folder
        self.redis = Redis()
        self._template = template
        self._unblocker = unblocker
        self._children: list[Child] = []

    def start(self) -> None:
        self.postgres.create_database(self.database, template=self._template)
        self.redis.start()

    def close(self) -> None:
        """Stop every process of it and drop its database."""
        stop_all(self._children, grace=10)
        self.redis.close()
        self.postgres.drop_database(self.database)

    def environment(self, **overrides: str) -> dict[str, str]:
        """The variables that make a process part of this stack."""
        own = {
            "DATABASE_URL": self.postgres.url(self.database),
            "REDIS_URL": self.redis.url(),
            "NEVUS_VAR": str(self.folder),
            "PROMETHEUS_MULTIPROC_DIR": str(self.folder / "metrics"),
        }
        return {**os.environ, **own, **overrides}

    def manage(self, *arguments: str | Path, **overrides: str) -> str:
        """Run ``manage.py`` on it and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *map(str, arguments)],
            cwd=ROOT,
            env=self.environment(**overrides),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"manage.py {arguments[0]} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def start_worker(
        self, *, beat: bool = False, queues: str = "inference,default", **overrides: str
    ) -> Worker:
        """Start a worker and wait until it takes tasks. Keywords are environment variables."""
        name = f"worker-{len(self._children)}"
        options = f"--queues {queues} --pool threads --concurrency 1 --loglevel INFO"
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", *options.split()]
        if beat:
            command += ["--beat", "--schedule", str(self.folder / f"{name}-schedule")]
        worker = Worker(
            name,
            [*command, "--hostname", f"{name}@%h"],
            log=self.folder / f"{name}.log",
            cwd=ROOT,
            env=self.environment(**overrides),
        )
        self._children.append(worker)
        worker.wait_until(lambda: " ready." in worker.log.read_text(), seconds=READY_SECONDS)
        return worker

    def start_web(self, **overrides: str) -> WebServer:
        """Start a web server and wait until it answers. Keywords are environment variables."""
        port = free_port()
        options = ("--config", "docker/gunicorn.conf.py", "config.wsgi:application")
        bound = {"NEVUS_BIND": f"127.0.0.1:{port}", "NEVUS_THREADS": "4"}
        server = WebServer(
            f"web-{len(self._children)}",
            [sys.executable, "-m", "gunicorn", *options],
            log=self.folder / f"web-{len(self._children)}.log",
            cwd=ROOT,
            env=self.environment(**bound | overrides),
        )
        self._children.append(server)
        server.url = f"http://127.0.0.1:{port}"
        server.wait_until(lambda: answers(f"{server.url}/healthz/live/"), seconds=READY_SECONDS)
        return server

    @contextmanager
    def orm(self) -> Iterator[None]:
        """Let models and factories of the test's own process read and write its database.

        Bells that services ring in here reach the test run's Redis, not this one's: order
        readings through the web server, or let the sweep find them.
        """
        connection = connections["default"]
        connection.close()
        own_database = connection.settings_dict["NAME"]
        connection.settings_dict["NAME"] = self.database
        try:
            with self._unblocker.unblock(), override_settings(STORAGES=self._storages()):
                yield
        finally:
            connection.close()
            connection.settings_dict["NAME"] = own_database

    def _storages(self) -> dict[str, object]:
        default = settings.STORAGES["default"]
        options = {**default.get("OPTIONS", {}), "location": str(self.folder / "media")}
        return {**settings.STORAGES, "default": {**default, "OPTIONS": options}}


@contextmanager
def migrated_template(postgres: Postgres, name: str) -> Iterator[str]:
    """A database with every migration applied; copying it takes a tenth of a second."""
    postgres.create_database(name)
    try:
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": postgres.url(name)},
            check=True,
        )
        yield name
    finally:
        postgres.drop_database(name)


@contextmanager
def running_stack(
    postgres: Postgres, *, template: str, folder: Path, unblocker: DjangoDbBlocker
) -> Iterator[Stack]:
    stack = Stack(postgres, template=template, folder=folder, unblocker=unblocker)
    with ExitStack() as endings:
        endings.callback(shutil.rmtree, folder, ignore_errors=True)
        endings.callback(stack.close)
        stack.start()
        yield stack
