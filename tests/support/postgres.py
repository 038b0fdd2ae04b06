"""A private PostgreSQL cluster that ends with the test run."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psycopg2
from psycopg2 import sql

from diagnosis.demo.processes import Child, ProcessError, free_port

OWNER = "nevus"
# what does not outlive the run does not have to reach the disk
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class Postgres:
    """A running cluster that databases are made in."""

    def __init__(self, *, port: int, password: str) -> None:
        self.port = port
        self.password = password

    def url(self, database: str) -> str:
        return f"postgres://{OWNER}:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, *, template: str = "template0") -> None:
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, template)

    def drop_database(self, name: str) -> None:
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _execute(self, statement: str, *names: str) -> None:
        connection = psycopg2.connect(self.url("postgres"))
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
        finally:
            connection.close()


class PrivatePostgres(Postgres):
    """A cluster of its own, on a free TCP port and a unix socket, in a temporary folder.

    ``settings`` are those of the server beside its addresses.
    """

    def __init__(self, settings: Sequence[str] = FAST) -> None:
        self.settings = settings
        super().__init__(port=free_port(), password=secrets.token_hex(16))
        self.programs = find_programs()
        # PostgreSQL refuses to run as root, and another account may not reach the usual
        # temporary folder
        self.user = unprivileged_user() if os.geteuid() == 0 else None
        self.folder = Path(
            tempfile.mkdtemp(prefix="nevus-postgres-", dir="/tmp" if self.user else None)
        )

    def start(self) -> None:
        (self.folder / "password").write_text(self.password)
        if self.user:
            for path in (self.folder, self.folder / "password"):
                shutil.chown(path, self.user)
        self._initialise()
        self._serve()
        self.create_database("nevus")

    def restart(self) -> None:
        """With an empty cache of its own."""
        self.server.stop(number=signal.SIGINT, grace=60)
        self._serve()

    def crash(self) -> None:
        """SIGKILL the server, and start it again: it recovers from its log."""
        self.server.kill()
        # the sessions that it leaves behind end by themselves, and it does not start beside them
        deadline = time.monotonic() + 30
        while True:
            try:
                self._serve()
                return
            except ProcessError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _serve(self) -> None:
        settings = [
            *self.settings,
            "max_connections=200",
            "listen_addresses=127.0.0.1",
            f"port={self.port}",
            f"unix_socket_directories={self.folder}",
        ]
        command = [self.programs / "postgres", "-D", self.folder / "data"]
        self.server = Child(
            "PostgreSQL",
            [*command, *(part for setting in settings for part in ("-c", setting))],
            log=self.folder / "log",
            cwd=self.folder,
            user=self.user,
            orphan_signal=signal.SIGQUIT,
        )
        self.server.wait_until(self._accepts, seconds=60)

    def stop(self) -> None:
        if hasattr(self, "server"):
            # fast shutdown: it ends open sessions instead of waiting for them
            self.server.stop(number=signal.SIGINT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _initialise(self) -> None:
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        done = subprocess.run(
            [
                *(self.programs / "initdb", "-D", self.folder / "data", *options),
                *(f"--username={OWNER}", f"--pwfile={self.folder / 'password'}"),
            ],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            user=self.user,
        )
        if done.returncode:
            raise ProcessError(f"PostgreSQL could not be set up:\n{done.stderr}")

    def _accepts(self) -> bool:
        try:
            psycopg2.connect(self.url("postgres")).close()
        except psycopg2.OperationalError:
            return False
        return True


def find_programs() -> Path:
    """The folder of initdb and postgres: Debian keeps the newest away from the search path."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: float(path.parts[-3]), default=None)
    if newest is None:
        raise FileNotFoundError("install PostgreSQL (on Debian: apt-get install postgresql)")
    return newest.parent


def unprivileged_user() -> str:
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
