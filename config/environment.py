"""What the environment says: typed, by name, and a clear sentence where it is wrong.

An empty variable is the same as an absent one, because compose files and ConfigMaps pass on what is
not set as an empty text. A secret may also lie in a file whose path is in ``NAME_FILE``.
"""

import math
import os
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

FLAGS = {"true": True, "yes": True, "on": True, "1": True}
FLAGS |= {"false": False, "no": False, "off": False, "0": False}


class Environment:
    """Reads ``variables``, the environment of the process."""

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self.variables = variables

    def text(self, name: str, default: str = "") -> str:
        return self.variables.get(name, "").strip() or default

    def secret(self, name: str, default: str = "") -> str:
        """The value of ``name``, or what the file of ``NAME_FILE`` holds, without its newline."""
        path = self.text(f"{name}_FILE")
        if not path:
            return self.variables.get(name, "") or default
        if self.variables.get(name):
            raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: keep one of them.")
        try:
            value = Path(path).read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not a text"
            raise ImproperlyConfigured(
                f"{name}_FILE is {path}, which cannot be read: {reason}."
            ) from error
        if not value:
            raise ImproperlyConfigured(f"{name}_FILE is {path}, which is empty.")
        return value

    def words(self, name: str, default: list[str] | None = None) -> list[str]:
        """A list with commas."""
        found = [word.strip() for word in self.text(name).split(",")]
        return [word for word in found if word] or list(default or [])

    def choice(self, name: str, default: str, *, among: tuple[str, ...]) -> str:
        text = self.text(name, default)
        if text not in among:
            raise ImproperlyConfigured(f"{name} is {text!r}: write {' or '.join(among)}.")
        return text

    def flag(self, name: str, default: bool) -> bool:
        text = self.text(name).lower()
        if text and text not in FLAGS:
            raise ImproperlyConfigured(f"{name} is {text!r}: write on or off.")
        return FLAGS[text] if text else default

    def integer(self, name: str, default: int, *, least: int = 1) -> int:
        text = self.text(name, str(default))
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            raise ImproperlyConfigured(f"{name} is {text!r}: write a whole number from {least} on.")
        return int(text)

    def seconds(self, name: str, default: float) -> float:
        text = self.text(name, str(default))
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not (value > 0 and math.isfinite(value)):
            raise ImproperlyConfigured(f"{name} is {text!r}: write a number above 0.")
        return value


env = Environment()
