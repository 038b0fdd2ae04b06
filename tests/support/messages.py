"""The strings that the source marks for translation, found without gettext's own tools."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation.template import templatize

from tests.support.stack import ROOT

# (context or None, message, plural or None)
Message = tuple[str | None, str, str | None]
# which arguments of a marking function are the context, the message and the plural
MARKS = {
    "_": (None, 0, None),
    "gettext": (None, 0, None),
    "gettext_lazy": (None, 0, None),
    "ngettext": (None, 0, 1),
    "ngettext_lazy": (None, 0, 1),
    "pgettext": (0, 1, None),
    "pgettext_lazy": (0, 1, None),
    "npgettext": (0, 1, 2),
    "npgettext_lazy": (0, 1, 2),
}
QUOTED = r"""u?(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
CALL = re.compile(rf"(?<!\w)(?:_|n?p?gettext)\((?:{QUOTED}|,|\s|count)+\)")


def marked_messages() -> set[Message]:
    found: set[Message] = set()
    for package in ("clinic", "config", "diagnosis"):
        for path in (ROOT / package).rglob("*.py"):
            found |= set(messages_of(path.read_text()))
    for path in templates():
        for call in CALL.findall(templatize(path.read_text())):
            found |= set(messages_of(call))
    return found


def templates() -> list[Path]:
    return sorted((ROOT / "templates").rglob("*.html"))


def messages_of(source: str) -> Iterator[Message]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and name_of(node.func) in MARKS:
            context, message, plural = (
                None if place is None else ast.literal_eval(node.args[place])
                for place in MARKS[name_of(node.func)]
            )
            yield context, message, plural


def name_of(function: ast.expr) -> str:
    return getattr(function, "id", "") or getattr(function, "attr", "")
