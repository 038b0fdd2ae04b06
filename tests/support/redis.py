"""A private Redis that a test may stop, start and kill."""

import shutil
import tempfile
from pathlib import Path

import redis

from diagnosis.demo.processes import Child, free_port


class Redis:
    """One server on a free port that keeps nothing: what it held is gone after a restart."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nevus-redis-"))
        self.port = free_port()

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise FileNotFoundError("install Redis (on Debian: apt-get install redis-server)")
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]
        self.server = Child(
            "Redis",
            [program, "--port", str(self.port), "--dir", self.folder, *options],
            log=self.folder / "log",
        )
        self.server.wait_until(self._accepts, seconds=30)

    def stop(self) -> None:
        """Stop the server; its port stays reserved for ``start``."""
        self.server.stop()

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        if hasattr(self, "server"):
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: int = 0) -> str:
        return f"redis://127.0.0.1:{self.port}/{database}"

    def _accepts(self) -> bool:
        client = redis.Redis(port=self.port)
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
        finally:
            client.close()
