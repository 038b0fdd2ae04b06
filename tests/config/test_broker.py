"""The trial's broker keeps messages whole."""

from pathlib import Path
from queue import Empty
from threading import Thread

import pytest
from kombu import Connection

from config import broker

MESSAGES = 200


@pytest.fixture
def channel(tmp_path: Path):
    broker.register()
    folders = ("data_folder_in", "data_folder_out", "processed_folder", "control_folder")
    options = dict.fromkeys(folders, str(tmp_path))
    with Connection("folder://localhost", transport_options=options) as connection:
        yield connection.default_channel


def test_a_reader_that_never_waits_meets_only_whole_messages(channel) -> None:
    sent = [{"number": number, "text": "x" * 300_000} for number in range(MESSAGES)]
    writer = Thread(target=lambda: [channel._put("bells", message) for message in sent])
    writer.start()
    read = []
    while writer.is_alive() or len(read) < MESSAGES:
        try:
            read.append(channel._get("bells"))
        except Empty:
            assert writer.is_alive() or len(read) == MESSAGES
    assert sorted(message["number"] for message in read) == list(range(MESSAGES))


def test_each_queue_has_its_own_messages(channel) -> None:
    channel._put("bells", 1)
    channel._put("default", 2)
    assert [channel._size(queue) for queue in ("bells", "default", "part")] == [1, 1, 0]
    assert channel._get("default") == 2
    with pytest.raises(Empty):
        channel._get("default")
