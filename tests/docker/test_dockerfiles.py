"""Rules for the Dockerfiles, so that old builders without BuildKit build them too."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docker"
FILES = sorted(FOLDER.glob("*.Dockerfile"))
BASE = "python:3.11-slim-bookworm"
Instruction = tuple[str, str]


def instructions(text: str) -> list[Instruction]:
    """(instruction, arguments) of a Dockerfile, lines joined and comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    found = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(word.upper(), rest.strip()) for word, rest in found]


def final_stage(found: list[Instruction]) -> list[Instruction]:
    last = max(place for place, (word, _rest) in enumerate(found) if word == "FROM")
    return found[last:]


def complaints(text: str) -> list[str]:
    found = instructions(text)
    last = final_stage(found)
    said = []
    if re.search(r"^#\s*(syntax|escape)\s*=", text, re.MULTILINE):
        said.append("names a syntax")
    for word, rest in found:
        if word == "FROM" and rest.split()[0] != BASE:
            said.append(f"builds on {rest}")
        if word == "ADD":
            said.append("uses ADD")
        if "--link" in rest.split() or "--mount" in rest or "--chmod" in rest:
            said.append("needs BuildKit")
        if "<<" in rest:
            said.append("has a heredoc")
    users = [rest for word, rest in last if word == "USER"]
    if not users or not re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1]):
        said.append("does not run as a number that is not root")
    if not any(word == "HEALTHCHECK" for word, _rest in last):
        said.append("has no health check")
    if not any(word == "STOPSIGNAL" for word, _rest in last):
        said.append("does not say how it is stopped")
    for word, rest in last:
        # a shell would be the one that gets the signal
        if word in ("ENTRYPOINT", "CMD") and not rest.startswith("["):
            said.append(f"starts {word} through a shell")
    copied = any(word == "COPY" and "--from" not in rest for word, rest in found)
    if copied and not any(word == "RUN" and "chmod -R a+rX /app" in rest for word, rest in found):
        said.append("copies files that its user may not be able to read")
    return said


def test_there_are_three() -> None:
    assert [path.name for path in FILES] == [
        "nginx.Dockerfile",
        "web.Dockerfile",
        "worker.Dockerfile",
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_rules_are_kept(path: Path) -> None:
    assert complaints(path.read_text()) == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("# syntax=docker/dockerfile:1", "names a syntax"),
        ("FROM debian:12", "builds on debian:12"),
        ("FROM python:3.11-slim-bookworm@sha256:00", "builds on"),
        ("ADD https://example.org/a.tar /", "uses ADD"),
        ("COPY --link a b", "needs BuildKit"),
        ("RUN --mount=type=cache,target=/a b", "needs BuildKit"),
        ("RUN cat <<END > file", "has a heredoc"),
        ("USER root", "does not run as a number"),
        ("CMD gunicorn", "through a shell"),
    ],
)
def test_a_broken_rule_is_found(line: str, complaint: str) -> None:
    sound = (FOLDER / "web.Dockerfile").read_text()
    assert any(complaint in said for said in complaints(f"{sound}\n{line}\n"))


def test_what_is_copied_is_there_and_sent_to_the_builder() -> None:
    sent = {
        line.strip("!/")
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    for path in FILES:
        for word, rest in instructions(path.read_text()):
            if word != "COPY" or "--from" in rest:
                continue
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), f"{path.name} copies {source}"
                assert source.split("/")[0] in sent, f".dockerignore leaves out {source}"
