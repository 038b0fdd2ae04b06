"""What a container starts as, and what it says when it cannot."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import redis as client

from diagnosis.demo.processes import Child, free_port
from tests.docker.test_dockerfiles import ROOT
from tests.support.postgres import Postgres
from tests.support.redis import Redis

ENTRY = ROOT / "docker" / "entrypoint.py"
SOUND = {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "k3y-of-" + "abcdefghijklmnopqrstuvwxyz0123456789" * 2,
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "ALLOWED_HOSTS": "127.0.0.1",
    "NEVUS_WAIT_SECONDS": "1",
    "NEVUS_LOG_FORMAT": "line",
}


def enter(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ENTRY), *arguments],
        env=SOUND | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr.strip().splitlines()[-1]


def test_secrets_are_made_once(tmp_path: Path) -> None:
    given = tmp_path / "redis_password"
    given.write_text("the hospital's own")
    first = enter("prepare", NEVUS_SECRETS=str(tmp_path))
    assert first.returncode == 0
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert len(made["secret_key"]) >= 50
    assert made["redis_password"] == "the hospital's own"
    assert len(set(made.values())) == len(made) == 5
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o444
    # no secret is told to the log
    assert not any(value in first.stdout for value in made.values())
    second = enter("prepare", NEVUS_SECRETS=str(tmp_path))
    assert (second.returncode, second.stdout) == (0, "")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == made


def test_a_folder_without_secrets_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    done = enter("prepare", NEVUS_SECRETS=str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert f"{tmp_path}/nowhere/secret_key is missing" in last_line(done)


def test_an_unknown_part_is_told(tmp_path: Path) -> None:
    done = enter("wrker")
    assert done.returncode == 1
    assert "There is no 'wrker' here" in last_line(done)
    assert "worker" in last_line(done)


def test_a_database_that_is_not_up_is_waited_for_and_then_named(tmp_path: Path) -> None:
    port = free_port()
    url = f"postgres://nevus:s3cret@127.0.0.1:{port}/nevus"
    done = enter("worker", DATABASE_URL=url, NEVUS_VAR=str(tmp_path))
    assert done.returncode != 0
    assert f"PostgreSQL at 127.0.0.1:{port} does not answer" in last_line(done)
    assert "(waited 1 s)" in last_line(done)
    assert "Waiting: PostgreSQL" in done.stderr
    assert "s3cret" not in done.stderr


def test_a_wrong_password_is_said_at_once(postgres: Postgres, tmp_path: Path) -> None:
    url = f"postgres://nevus:wr0ng@127.0.0.1:{postgres.port}/nevus"
    done = enter("web", DATABASE_URL=url, NEVUS_VAR=str(tmp_path), NEVUS_WAIT_SECONDS="600")
    assert done.returncode != 0
    assert "refuses the user 'nevus'" in last_line(done)
    assert "wr0ng" not in done.stderr


def test_only_migrate_changes_tables(postgres: Postgres, tmp_path: Path) -> None:
    postgres.create_database("not_migrated")
    try:
        url = postgres.url("not_migrated")
        done = enter("web", DATABASE_URL=url, NEVUS_VAR=str(tmp_path))
        assert done.returncode != 0
        assert "migrations are not applied yet" in last_line(done)
        assert "the migrate job" in last_line(done)
    finally:
        postgres.drop_database("not_migrated")


def test_migrate_makes_the_first_administrator_once(
    postgres: Postgres, migrated_database: str, tmp_path: Path
) -> None:
    postgres.create_database("with_operator", template=migrated_database)
    password = tmp_path / "password"
    password.write_text("a-first-password-2026\n")
    environment = {
        "DATABASE_URL": postgres.url("with_operator"),
        "NEVUS_VAR": str(tmp_path),
        "NEVUS_FIRST_ADMINISTRATOR": "administrator",
        "NEVUS_ADMINISTRATOR_PASSWORD_FILE": str(password),
    }
    try:
        first = enter("migrate", **environment)
        assert first.returncode == 0, first.stderr
        assert "The administrator administrator can sign in" in first.stdout
        assert "a-first-password" not in first.stdout
        again = ("manage", "create_administrator", "another", "--if-none")
        second = enter(*again, **environment)
        assert "There is an administrator already" in second.stdout
    finally:
        postgres.drop_database("with_operator")


def test_beat_waits_for_redis_and_names_a_wrong_password(tmp_path: Path) -> None:
    url = {"DATABASE_URL": "postgres://nevus:secret@127.0.0.1:1/nevus", "NEVUS_VAR": str(tmp_path)}
    done = enter("beat", **url)
    assert done.returncode != 0
    assert "Redis does not answer" in last_line(done)
    redis = Redis()
    try:
        redis.start()
        with client.Redis(port=redis.port) as link:
            link.config_set("requirepass", "r1ght")
        done = enter("beat", **url, REDIS_URL=redis.url(), REDIS_PASSWORD="wr0ng")
        assert done.returncode != 0
        assert "Redis refuses the password" in last_line(done)
    finally:
        redis.close()


def test_the_process_itself_gets_the_signal(tmp_path: Path) -> None:
    """No shell between the engine's SIGTERM and what it is meant for."""
    log = tmp_path / "log"
    sleeper = Child("sleeper", [sys.executable, ENTRY, "sleep", "60"], log=log, env=SOUND)
    command = Path(f"/proc/{sleeper.pid}/cmdline")
    sleeper.wait_until(lambda: command.read_bytes().startswith(b"sleep"), seconds=10)
    sleeper.stop(grace=5)
    assert sleeper.returncode == -15
