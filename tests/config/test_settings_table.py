"""docs/settings.md lists exactly what the settings read."""

import ast
import os
import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from config.environment import Environment
from config.places import share_metrics

ROOT = Path(__file__).resolve().parents[2]
READERS = ("text", "secret", "words", "choice", "flag", "integer", "seconds")
ROW = re.compile(r"^\| `(?P<name>[A-Z0-9_]+)`(?: \((?P<marks>[^)]+)\))? \| (?P<default>[^|]+) \|")
SETTINGS = [*(ROOT / "config/settings").glob("*.py"), ROOT / "config/storages.py"]
SOURCES = [
    path
    for folder in ("clinic", "config", "diagnosis", "ml")
    for path in (ROOT / folder).rglob("*.py")
]


def reads(tree: ast.AST) -> list[tuple[str, str, str]]:
    """(kind, name, default as written) of each ``env.kind("NAME", default)``."""
    found = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if getattr(node.func.value, "id", "") == "env" and node.func.attr in READERS:
            name, *rest = node.args
            if isinstance(name, ast.Constant):
                found.append((node.func.attr, name.value, ast.unparse(rest[0]) if rest else ""))
    return found


def all_reads() -> list[tuple[str, str, str]]:
    return [read for path in SETTINGS for read in reads(ast.parse(path.read_text()))]


def table() -> dict[str, tuple[str, str]]:
    """Name to (marks, default) of each row."""
    matches = map(ROW.match, (ROOT / "docs/settings.md").read_text().splitlines())
    return {row["name"]: (row["marks"] or "", row["default"].strip()) for row in matches if row}


def test_the_table_has_what_is_read_and_nothing_else() -> None:
    names = {name for _kind, name, _default in all_reads()}
    assert len(names) > 30
    # the one variable that Django itself reads
    assert set(table()) == names | {"DJANGO_SETTINGS_MODULE"}


def test_secrets_are_marked_and_only_they() -> None:
    secret = {name for kind, name, _default in all_reads() if kind == "secret"}
    assert {name for name, (marks, _default) in table().items() if "secret" in marks} == secret


def test_numbers_have_the_default_that_the_table_says() -> None:
    rows = table()
    checked = 0
    for kind, name, default in all_reads():
        if kind in ("integer", "seconds"):
            checked += 1
            value = eval(default, {}, {})
            assert float(rows[name][1].strip("`")) == value, name
    assert checked > 10


def test_nothing_else_reads_the_environment() -> None:
    """Variables that are read elsewhere would be missing from the table."""
    pattern = re.compile(r"""(?:environ\.get|getenv)\(|environ\[["'](?P<name>\w+)""")
    # the last is a command of the first start; docs/operations.md has its variable
    allowed = {"config/environment.py", "config/places.py"}
    allowed.add("clinic/management/commands/create_administrator.py")
    # what torchrun tells the processes that it starts, and what Keras wants to be told
    allowed |= {"ml/engine.py", "ml/progress.py", "ml/backbones/keras_network.py"}
    found = {
        f"{path.relative_to(ROOT)}"
        for path in SOURCES
        if pattern.search(path.read_text()) and str(path.relative_to(ROOT)) not in allowed
    }
    assert found == set()


def test_a_secret_comes_from_a_file_without_its_newline(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(" kept as it is $1 \n")
    assert Environment({"KEY_FILE": str(path)}).secret("KEY") == " kept as it is $1 "
    assert Environment({"KEY": "$also"}).secret("KEY") == "$also"
    assert Environment({"KEY": "direct", "KEY_FILE": ""}).secret("KEY") == "direct"
    assert Environment({}).secret("KEY") == ""


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"KEY_FILE": "/nowhere/key"}, "KEY_FILE is /nowhere/key, which cannot be read: No such"),
        ({"KEY_FILE": "/dev/null"}, "KEY_FILE is /dev/null, which is empty"),
        ({"KEY_FILE": "/tmp", "KEY": "x"}, "KEY and KEY_FILE are both set"),
    ],
)
def test_a_secret_s_file_that_cannot_be_read_is_named(variables: dict, says: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=re.escape(says)):
        Environment(variables).secret("KEY")


@pytest.mark.parametrize(
    ("kind", "text", "options"),
    [
        ("integer", "0", {"default": 5}),
        ("integer", "-1", {"default": 5, "least": 0}),
        ("integer", "1.5", {"default": 5}),
        ("integer", "many", {"default": 5}),
        ("seconds", "soon", {"default": 5.0}),
        ("seconds", "0", {"default": 5.0}),
        ("seconds", "nan", {"default": 5.0}),
        ("seconds", "inf", {"default": 5.0}),
        ("flag", "perhaps", {"default": True}),
        ("choice", "xml", {"default": "json", "among": ("json", "line")}),
    ],
)
def test_a_wrong_value_is_named(kind: str, text: str, options: dict) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^NAME is '{text}'"):
        getattr(Environment({"NAME": text}), kind)("NAME", **options)


def test_an_empty_value_is_the_default() -> None:
    empty = Environment({"NAME": " "})
    assert empty.text("NAME", "x") == "x"
    assert empty.integer("NAME", 3) == 3
    assert empty.seconds("NAME", 1.5) == 1.5
    assert empty.flag("NAME", True) is True
    assert empty.words("NAME", ["a"]) == ["a"]
    assert Environment({"NAME": "a, b,"}).words("NAME") == ["a", "b"]
    assert Environment({"NAME": "Off"}).flag("NAME", True) is False


@pytest.mark.parametrize("there", [True, False])
def test_figures_are_counted_alone_where_no_folder_can_be_shared(
    tmp_path: Path, monkeypatch, there: bool
) -> None:
    """On a read-only root without a folder in memory the process still starts."""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "set by somebody")
    folder = tmp_path / "metrics"
    if not there:
        tmp_path.joinpath("file").write_text("in the way")
        folder = tmp_path / "file" / "metrics"
    assert share_metrics(folder) is there
    assert os.environ.get("PROMETHEUS_MULTIPROC_DIR") == (str(folder) if there else None)
