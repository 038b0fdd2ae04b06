"""What a container of Nevus starts as: the first argument says which part of it.

prepare   make the secrets that are missing, once
migrate   bring the database up to date, publish the static files, make the first administrator
web       gunicorn
worker    reads what is queued; options of ``celery worker`` may follow
beat      rings the bell; one is enough, a second is harmless
manage    manage.py with what follows
Anything else is run as it stands. Whoever serves waits until database and tables are there: only
``migrate`` changes tables.
"""

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

APP = Path(__file__).resolve().parents[1]
MANAGE = (sys.executable, str(APP / "manage.py"))
STATIC, PUBLISHED = Path("/srv/static"), Path("/srv/published")
ROLE = Path("/tmp/nevus-role")  # noqa: S108 - a tmpfs of this container alone
# what the parts of an installation know of each other: file name to number of random bytes
SECRETS = {
    "secret_key": 48,
    "database_password": 24,
    "redis_password": 24,
    "administrator_password": 12,
    "metrics_token": 24,
}


def main(arguments: Sequence[str]) -> None:
    role, *rest = arguments or ["web"]
    os.chdir(APP)
    part = PARTS.get(role)
    if part is None:
        execute([role, *rest])
    else:
        part(rest)


def prepare(rest: list[str]) -> None:
    """A secret that is there stays as it is; the hospital's own are put there before the start."""
    folder = Path(os.environ.get("NEVUS_SECRETS") or "/srv/secrets")
    for name, size in SECRETS.items():
        try:
            write_once(folder / name, secrets.token_urlsafe(size))
        except OSError as error:
            sys.exit(
                f"{folder / name} is missing and cannot be written ({error.strerror}): "
                f"put it there, or let the user {os.getuid()} write to the folder."
            )


def write_once(path: Path, text: str) -> None:
    if path.exists():
        return
    # PostgreSQL and Redis read theirs as users of their own; nobody else has this volume
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o444)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    say(f"{path} was made.")


def migrate(rest: list[str]) -> None:
    wait_for("database")
    run(*MANAGE, "migrate", "--noinput", *rest)
    publish()
    username = os.environ.get("NEVUS_FIRST_ADMINISTRATOR")
    if username:
        run(*MANAGE, "create_administrator", username, "--if-none")


def publish() -> None:
    """Put the static files where the proxy reads them. Their names are hashes of what they hold,
    so those of the version before stay: its pages are still open in browsers."""
    if STATIC.is_dir() and os.access(PUBLISHED, os.W_OK):
        shutil.copytree(STATIC, PUBLISHED, copy_function=shutil.copyfile, dirs_exist_ok=True)


def web(rest: list[str]) -> None:
    wait_for("database", "migrations")
    command = ["gunicorn", "--config", "docker/gunicorn.conf.py", *rest, "config.wsgi:application"]
    execute(command)


def worker(rest: list[str]) -> None:
    wait_for("database", "migrations")
    queues = os.environ.get("NEVUS_QUEUES") or "inference,default"
    # one thread: one model fills the device
    options = "--pool threads --concurrency 1 --without-mingle --without-gossip --loglevel INFO"
    command = ["celery", "--quiet", "-A", "config", "worker", "--queues", queues, *options.split()]
    start_as("worker", [*command, *rest])


def beat(rest: list[str]) -> None:
    wait_for("broker")
    command = ["celery", "--quiet", "-A", "config", "beat", "--pidfile=", "--loglevel", "INFO"]
    start_as("beat", [*command, *rest])


def manage(rest: list[str]) -> None:
    execute([*MANAGE, *rest])


PARTS: dict[str, Callable[[list[str]], None]] = {
    "prepare": prepare,
    "migrate": migrate,
    "web": web,
    "worker": worker,
    "beat": beat,
    "manage": manage,
}


def wait_for(*parts: str) -> None:
    run(*MANAGE, "wait_for", *parts)


def start_as(role: str, command: Sequence[str]) -> None:
    """The health check of the container asks what runs in it."""
    ROLE.write_text(role)
    execute(command)


def run(*command: str) -> None:
    done = subprocess.run(command, check=False)  # noqa: S603 - our own commands
    if done.returncode:
        sys.exit(done.returncode)


def execute(command: Sequence[str]) -> None:
    """Become the command, so that it is the one that gets SIGTERM."""
    sys.stdout.flush()
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - the container's own command
    except FileNotFoundError:
        known = ", ".join(PARTS)
        sys.exit(f"There is no {command[0]!r} here. The parts of Nevus are: {known}.")


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
