"""A Nevus with the settings of production: its database, its folder, the processes on it."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

import psycopg2

from diagnosis.demo.processes import Child, free_port
from diagnosis.demo.trial import answers
from tests.support.postgres import PrivatePostgres
from tests.support.redis import Redis

ROOT = Path(__file__).resolve().parents[2]
# what an administrator of a database would set on a machine with two cores and little memory
SERVER = ("shared_buffers=1GB", "effective_cache_size=3GB", "random_page_cost=1.1", "work_mem=16MB")


class Installation:
    """A database of ``postgres`` with its folder, and the processes that are started on it.

    Whoever starts a process stops it.
    """

    def __init__(self, postgres: PrivatePostgres, redis: Redis, name: str, folder: Path) -> None:
        postgres.create_database(name)
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "DATABASE_URL": postgres.url(name),
            "REDIS_URL": redis.url(),
            "ALLOWED_HOSTS": "127.0.0.1",
            "NEVUS_VAR": str(folder),
            "SECURE_SSL_REDIRECT": "off",
        }
        self.folder = folder

    def manage(self, *arguments: str) -> str:
        return self.run("manage.py", *arguments)

    def run(self, *arguments: str) -> str:
        """Run Python with these arguments and return what it printed."""
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def start_web(self, port: int | None = None) -> tuple[Child, str]:
        """Gunicorn, two processes of four threads, when it answers; and its address."""
        port = port or free_port()
        options = f"--bind 127.0.0.1:{port} --workers 2 --threads 4 --worker-class gthread"
        command = f"gunicorn {options} --preload --no-control-socket config.wsgi:application"
        server = self._start("web server", command)
        url = f"http://127.0.0.1:{port}"
        server.wait_until(lambda: answers(f"{url}/healthz/live/"), seconds=60)
        return server, url

    def start_worker(self, *, queues: str = "inference,default", beat: bool = False) -> Child:
        options = f"--queues {queues} --pool threads --concurrency 1 --loglevel WARNING"
        if beat:
            options += f" --beat --schedule {self.folder / 'schedule'}"
        return self._start("worker", f"celery -A config worker {options}")

    def start_beat(self) -> Child:
        options = f"--schedule {self.folder / 'schedule'} --pidfile= --loglevel WARNING"
        return self._start("beat", f"celery -A config beat {options}")

    def _start(self, name: str, command: str) -> Child:
        return Child(
            name,
            [sys.executable, "-m", *command.split()],
            log=self.folder / f"{name.replace(' ', '-')}.log",
            cwd=ROOT,
            env=self.environment,
        )

    def ask(self, statement: str, *parameters: object) -> list[tuple]:
        """The rows that the database answers ``statement`` with."""
        connection = psycopg2.connect(self.environment["DATABASE_URL"])
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall()
        finally:
            connection.close()
