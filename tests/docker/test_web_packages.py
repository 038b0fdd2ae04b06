"""The web image works with the packages it installs, and torch is none of them.

A folder with links to exactly the files of these packages stands in for the image's environment.
"""

import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from diagnosis.demo.processes import Child, free_port
from tests.docker.test_dockerfiles import ROOT, instructions
from tests.support.nginx import status

LIST = ROOT / "docker" / "web-requirements.txt"


def names(path: Path) -> list[str]:
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def closure(roots: list[str]) -> set[str]:
    """The packages and all that they need here."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        known = metadata.distribution(name).metadata["Name"].lower()
        if known in found:
            continue
        found.add(known)
        for line in metadata.requires(name) or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                waiting.append(need.name)
    return found


def link(packages: set[str], folder: Path) -> Path:
    """A folder that holds these packages and nothing else."""
    for name in packages:
        found = metadata.distribution(name)
        tops = {file.parts[0] for file in found.files or [] if ".." not in file.parts}
        for top in tops - {"__pycache__"}:
            target = folder / top
            if not target.exists():
                target.symlink_to(Path(str(found.locate_file(top))))
    return folder


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """What the image holds at /app, and the environment in which it runs."""
    folder = tmp_path_factory.mktemp("image")
    app, packages = folder / "app", folder / "packages"
    packages.mkdir()
    link(closure(names(LIST)), packages)
    for word, rest in instructions((ROOT / "docker/web.Dockerfile").read_text()):
        *sources, target = rest.split()
        if word == "COPY" and "--from" not in rest and not target.startswith("/"):
            copy(sources, app, target)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(packages),
        "PYTHONDONTWRITEBYTECODE": "1",
        "NEVUS_VAR": str(folder / "var"),
        "STATIC_ROOT": str(folder / "static"),
        "DJANGO_SETTINGS_MODULE": "config.settings.production",
        "SECRET_KEY": "k3y-of-" + "abcdefghijklmnopqrstuvwxyz0123456789" * 2,
        "DATABASE_URL": "postgres://nevus:secret@127.0.0.1:1/nevus",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "off",
    }
    yield app, environment
    shutil.rmtree(folder)


def copy(sources: list[str], app: Path, target: str) -> None:
    for source in sources:
        place = app / target / (Path(source).name if target.endswith("/") else "")
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, place)


def python(image: tuple[Path, dict[str, str]], *arguments: str) -> str:
    app, environment = image
    # -S: nothing of the site-packages of the tests
    done = subprocess.run(
        [sys.executable, "-S", "-W", "ignore", *arguments],
        cwd=app,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_name_has_its_version_in_one_place() -> None:
    pinned = {
        re.split(r"[=\[]", line)[0].lower()
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if "==" in line
    }
    assert {name.lower() for name in names(LIST)} <= pinned
    assert not any("=" in name for name in names(LIST))


def test_nothing_of_the_models_is_installed() -> None:
    found = closure(names(LIST))
    assert {"django", "asgiref", "gunicorn"} <= found
    assert not found & {"torch", "transformers", "scikit-learn", "scipy", "safetensors"}


def test_it_checks_collects_and_serves_a_page(
    image: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    assert "no issues" in python(image, "manage.py", "check")
    python(image, "manage.py", "collectstatic", "--noinput", "--ignore", "drf_*")
    app, environment = image
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    server = Child(
        "web server",
        [
            *(sys.executable, "-S", "-m", "gunicorn", "--config", "docker/gunicorn.conf.py"),
            "config.wsgi:application",
        ],
        log=tmp_path / "log",
        cwd=app,
        env=environment | {"NEVUS_BIND": f"127.0.0.1:{port}", "WEB_CONCURRENCY": "1"},
    )
    try:
        server.wait_until(lambda: status(f"{url}/healthz/live/") == 200, seconds=60)
        # a page that asks no database
        with pytest.raises(urllib.error.HTTPError) as found:
            urllib.request.urlopen(f"{url}/no/such/page/", timeout=20)
        assert found.value.code == 404
        page = found.value.read().decode()
        assert "There is no such page." in page
        assert re.search(r"/static/css/base\.[0-9a-f]{12}\.css", page)
    finally:
        server.stop()
