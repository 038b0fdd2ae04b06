"""The trial's broker: Kombu's folder of messages, in which no reader meets half of a message.

Kombu opens a message's file under its final name and writes afterwards. A worker that looks between
the two takes an empty file, and stops over it.
"""

import uuid
from pathlib import Path
from time import monotonic
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.json import dumps

SCHEME = "folder"


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: Any, **_options: Any) -> None:
        name = f"{monotonic() * 1000:.0f}_{uuid.uuid4()}.{queue}.msg"
        folder = Path(self.data_folder_out)
        # no queue's messages end like that
        draft = folder / f"{name}.part"
        draft.write_text(dumps(payload))
        draft.rename(folder / name)


class Transport(filesystem.Transport):
    Channel = Channel


def register() -> None:
    """Let addresses that begin with ``folder://`` mean this transport."""
    TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
