"""The trial and a developer's machine: the defaults of base, on plain HTTP."""

from config.settings.base import *  # noqa: F403
