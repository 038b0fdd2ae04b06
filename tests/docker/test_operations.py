"""docs/operations.md names only what is there."""

import re

from django.core.management import get_commands

from tests.docker.test_compose import BASE, OVERRIDES, load
from tests.docker.test_dockerfiles import FOLDER, ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()


def test_every_command_exists() -> None:
    named = set(re.findall(r"manage(?:\.py)? ([a-z]\w+)", PAGE))
    assert len(named) >= 5
    assert named <= set(get_commands())


def test_every_part_that_is_spoken_to_exists() -> None:
    parts = set(load(BASE)["services"])
    spoken = re.findall(r"nevus (?:exec|run)(?: -T| --rm| --no-deps| --volume \S+)* (\w+)", PAGE)
    assert len(spoken) > 15
    assert set(spoken) <= parts


def test_every_variable_of_the_table_is_read() -> None:
    _, _, rest = PAGE.partition("## What may differ")
    named = set(re.findall(r"`((?:NEVUS|PIP|WEB)_\w+)`", rest.partition("## A smaller")[0]))
    files = "".join((FOLDER / name).read_text() for name in (BASE, *OVERRIDES))
    assert len(named) > 12
    assert {name for name in named if f"${{{name}:" not in files} == set()


def test_every_message_of_the_table_is_said_somewhere() -> None:
    _, _, rest = PAGE.partition("## When it does not start")
    said = re.findall(r"^\| `([^`]+)`", rest.partition("## Sizing")[0], re.MULTILINE)
    sources = [path for name in ("clinic", "config", "diagnosis", "docker") for path in find(name)]
    code = " ".join(path.read_text() for path in sources)
    assert len(said) > 6
    for message in said:
        for part in message.replace("PostgreSQL at", "").split("..."):
            words = part.replace("NEVUS_DEVICE is cuda", "").strip(" ,:")
            assert words in code, message


def find(name: str):
    return (ROOT / name).rglob("*.py")


def test_every_file_and_address_exists() -> None:
    for path in re.findall(r"docker/[\w./-]+\w", PAGE):
        assert (ROOT / path).exists() or path == "docker/.env", path
    for path in re.findall(r"\]\((\w+\.md)", PAGE):
        assert (ROOT / "docs" / path).exists(), path
    headings = {line.strip("# ").lower() for line in PAGE.splitlines() if line.startswith("## ")}
    assert set(re.findall(r"\]\(#(\w+)\)", PAGE)) <= headings
