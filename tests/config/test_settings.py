"""Production refuses to start half configured, and is safe where it starts."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[2]
SOUND = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "k3y-of-" + "abcdefghijklmnopqrstuvwxyz0123456789" * 2,
    "DATABASE_URL": "postgres://nevus:secret@127.0.0.1:1/nevus",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "ALLOWED_HOSTS": "nevus.example",
}
NAMES = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS")


def manage(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    variables = {"PATH": os.environ["PATH"], "NEVUS_VAR": str(folder)} | environment
    return subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", *arguments],
        env=variables,
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in SOUND.items() if key != name}


def refusal(folder: Path, environment: dict[str, str]) -> str:
    done = manage(folder, "check", **environment)
    assert done.returncode != 0
    return done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("name", NAMES)
def test_production_names_the_variable_that_is_missing(name: str, tmp_path: Path) -> None:
    last = refusal(tmp_path, without(name))
    assert "ImproperlyConfigured" in last
    assert [known for known in NAMES if known in last] == [name]
    # no secret and no database of the trial was made on the way
    assert list(tmp_path.iterdir()) == []


def test_an_empty_variable_is_missing(tmp_path: Path) -> None:
    last = refusal(tmp_path, SOUND | dict.fromkeys(NAMES, ""))
    assert all(name in last for name in NAMES)


@pytest.mark.parametrize("key", ["short", "x" * 80, "abcd" * 20, "k3y" * 10])
def test_production_refuses_a_weak_key(key: str, tmp_path: Path) -> None:
    last = refusal(tmp_path, SOUND | {"SECRET_KEY": key})
    assert "SECRET_KEY is weak" in last
    assert key not in last


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"DATABASE_PASSWORD": "changeme"}, "DATABASE_PASSWORD"),
        ({"DATABASE_URL": "postgres://nevus:password@127.0.0.1/nevus"}, "DATABASE_URL"),
        ({"REDIS_PASSWORD": "changeme"}, "REDIS_PASSWORD"),
        ({"NEVUS_METRICS_TOKEN": "short"}, "NEVUS_METRICS_TOKEN is weak"),
        ({"NEVUS_S3_BUCKET": "b", "NEVUS_S3_ACCESS_KEY": "a"}, "Set NEVUS_S3_SECRET_KEY"),
        ({"NEVUS_S3_BUCKET": "b", "NEVUS_S3_SECRET_KEY": "a"}, "Set NEVUS_S3_ACCESS_KEY"),
        ({"NEVUS_S3_BUCKET": "b", "NEVUS_S3_ENDPOINT": "s3:9000"}, "NEVUS_S3_ENDPOINT"),
        ({"SECRET_KEY_FILE": "/nowhere", "SECRET_KEY": ""}, "SECRET_KEY_FILE is /nowhere"),
        ({"DATABASE_PASSWORD_FILE": "/nowhere"}, "DATABASE_PASSWORD_FILE is /nowhere"),
        ({"NEVUS_BATCH_SIZE": "many"}, "NEVUS_BATCH_SIZE is 'many'"),
    ],
)
def test_production_names_what_is_wrong(changes: dict, named: str, tmp_path: Path) -> None:
    last = refusal(tmp_path, SOUND | changes)
    assert named in last
    # what was given is not repeated
    assert not {"changeme", "password,", "short"} & set(last.split())


def test_secrets_by_file(tmp_path: Path) -> None:
    contents = {
        "SECRET_KEY": SOUND["SECRET_KEY"],
        "DATABASE_PASSWORD": "p@ss:w/rd#1?",
        "REDIS_PASSWORD": "r@dis:/#1?",
    }
    environment = without("SECRET_KEY") | {
        "DATABASE_URL": "postgres://nevus@127.0.0.1:1/nevus",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(f"{content}\n")
        environment[f"{name}_FILE"] = str(tmp_path / name)
    found = shown(tmp_path, environment, "SECRET_KEY", "DATABASES", "REDIS_URL")
    assert found["SECRET_KEY"] == contents["SECRET_KEY"]
    assert found["DATABASES"]["default"]["PASSWORD"] == contents["DATABASE_PASSWORD"]
    assert found["REDIS_URL"] == "redis://:r%40dis%3A%2F%231%3F@127.0.0.1:1/0"


def test_static_files_are_collected_without_a_secret(tmp_path: Path) -> None:
    """As an image is built: hashed names, and nothing of the trial beside them."""
    static = tmp_path / "static"
    done = manage(tmp_path / "build", "collectstatic", "--noinput", STATIC_ROOT=str(static))
    assert done.returncode == 0, done.stderr
    manifest = json.loads((static / "staticfiles.json").read_text())
    hashed = manifest["paths"]["css/base.css"]
    assert re.fullmatch(r"css/base\.[0-9a-f]{12}\.css", hashed)
    assert (static / hashed).exists()
    assert not [path for path in static.rglob("*") if "secret" in path.name]


def test_the_deployment_check_has_nothing_to_say(tmp_path: Path) -> None:
    done = manage(tmp_path, "check", "--deploy", "--fail-level", "INFO", **SOUND)
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout


SHOW = """
import json, sys, django
from django.conf import settings
django.setup()
names = sys.argv[1:]
print(json.dumps({name: getattr(settings, name) for name in names}, default=str))
"""


def shown(folder: Path, environment: dict[str, str], *names: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SHOW, *names],
        env={"PATH": os.environ["PATH"], "NEVUS_VAR": str(folder)} | environment,
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return json.loads(done.stdout)


def test_production_travels_over_tls_and_keeps_cookies_to_itself(tmp_path: Path) -> None:
    found = shown(
        tmp_path,
        SOUND,
        *("DEBUG", "SECURE_SSL_REDIRECT", "SECURE_HSTS_SECONDS", "SESSION_COOKIE_SECURE"),
        *("CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "ALLOWED_HOSTS", "IS_SQLITE"),
    )
    assert found == {
        "DEBUG": False,
        "SECURE_SSL_REDIRECT": True,
        "SECURE_HSTS_SECONDS": 31_536_000,
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "ALLOWED_HOSTS": ["nevus.example"],
        "IS_SQLITE": False,
    }


def test_the_trial_needs_no_variable_and_makes_its_own_secret(tmp_path: Path) -> None:
    environment = {"DJANGO_SETTINGS_MODULE": "config.settings.development"}
    names = ("SECRET_KEY", "IS_SQLITE", "CELERY_BROKER_URL", "DEBUG")
    first, second = (shown(tmp_path, environment, *names) for _ in range(2))
    assert first == second
    assert len(first.pop("SECRET_KEY")) >= 50
    assert first.pop("CELERY_BROKER_URL") == "folder://localhost"
    assert first == {"IS_SQLITE": True, "DEBUG": False}
    empty = environment | dict.fromkeys(NAMES[:3], "")
    assert shown(tmp_path, empty, *names) == second
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0
    assert (
        shown(tmp_path / "other", environment, "SECRET_KEY")["SECRET_KEY"] != (second["SECRET_KEY"])
    )
