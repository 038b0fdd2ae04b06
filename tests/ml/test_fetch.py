"""Downloads, against a server that speaks the archive's API and misbehaves as networks do."""

import errno
import http.client
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from PIL import Image

from ml.cli import main
from ml.data import read_dataset
from ml.errors import DataError
from ml.fetching import fetch

NEVUS = "Benign:Benign melanocytic proliferations:Nevus"
MELANOMA = "Malignant:Malignant melanocytic proliferations (Melanoma):Melanoma, NOS"


def picture(number):
    pixels = np.random.default_rng(number).integers(0, 256, (20, 24, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG")
    return stream.getvalue()


class Archive(ThreadingHTTPServer):
    """Five images in pages of two; ``trouble`` maps an image's number to what happens once."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.trouble: dict[str, str] = {}
        self.asked: list[str] = []
        self.pictures = [picture(number) for number in range(5)]
        self.address = f"http://127.0.0.1:{self.server_port}"

    def record(self, number):
        clinical = {"sex": "female", "diagnosis": (NEVUS, MELANOMA)[number % 2]}
        full = {
            "url": f"{self.address}/files/{number}?signed=1",
            "size": len(self.pictures[number]),
        }
        return {
            "isic_id": f"ISIC_000000{number}",
            "copyright_license": "CC-BY",
            "attribution": "A hospital",
            "files": {"full": full},
            "metadata": {"clinical": clinical, "acquisition": {"pixels_x": 24}},
        }


class Handler(BaseHTTPRequestHandler):
    server: Archive

    def do_GET(self):
        url = urlsplit(self.path)
        self.server.asked.append(url.path)
        if url.path == "/api/v2/images/search/":
            self.page(parse_qs(url.query))
        else:
            self.file(url.path.rpartition("/")[2])

    def page(self, query):
        if self.server.trouble.pop("page", None):
            self.send_error(500)
            return
        cursor = int(query.get("cursor", ["0"])[0])
        numbers = range(5) if query.get("query") != ["nothing"] else range(0)
        following = f"?cursor={cursor + 2}" if cursor + 2 < len(numbers) else None
        body = {
            "count": len(numbers),
            "next": following,
            "results": [self.server.record(n) for n in numbers[cursor : cursor + 2]],
        }
        self.answer(json.dumps(body).encode())

    def file(self, number):
        body = self.server.pictures[int(number)]
        trouble = self.server.trouble.pop(number, None)
        if trouble == "busy":
            self.send_response(429)
            self.send_header("Retry-After", "7")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif trouble == "broken":  # fewer bytes than promised
            self.answer(body[: len(body) // 2], length=len(body))
        elif trouble == "truncated":  # a file that is short and says so
            self.answer(body[: len(body) // 2])
        elif trouble == "gone":
            self.send_error(404)
        else:
            self.answer(body)

    def answer(self, body, length=None):
        self.send_response(200)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def archive():
    with Archive() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch_from(archive, out, **options):
    waits: list[float] = []
    done = fetch(out, api=f"{archive.address}/api/v2", wait=waits.append, **options)
    return done, waits


def test_a_download_is_a_data_set(archive, tmp_path):
    done, waits = fetch_from(archive, tmp_path)
    assert (done.new, done.kept, done.failed, waits) == (5, 0, [], [])
    dataset = read_dataset(tmp_path)
    assert [sample.label for sample in dataset.samples] == ["nv", "mel", "nv", "mel", "nv"]
    assert all(sample.path.exists() for sample in dataset.samples)
    assert dataset.licence == "CC-BY"
    assert "A hospital" in dataset.attribution
    assert dataset.samples[0].attributes == {"sex": "female"}


def test_trouble_passes(archive, tmp_path):
    archive.trouble = {"page": "500", "0": "broken", "1": "truncated", "2": "busy"}
    done, waits = fetch_from(archive, tmp_path)
    assert (done.new, done.failed) == (5, [])
    assert 7.0 in waits  # as the server asked
    for number, body in enumerate(archive.pictures):
        assert (tmp_path / "images" / f"ISIC_000000{number}.jpg").read_bytes() == body
    assert not list(tmp_path.rglob("*.part"))


def test_what_is_there_is_not_fetched_again(archive, tmp_path):
    fetch_from(archive, tmp_path, limit=3)
    (tmp_path / "images" / "ISIC_0000001.jpg").write_bytes(b"half of it")
    archive.asked.clear()
    done, _ = fetch_from(archive, tmp_path)
    assert (done.new, done.kept) == (3, 2)
    files = sorted(path for path in archive.asked if path.startswith("/files/"))
    assert files == ["/files/1", "/files/3", "/files/4"]


def test_rows_of_an_earlier_search_stay(archive, tmp_path):
    fetch_from(archive, tmp_path, limit=2)
    table = tmp_path / "metadata.csv"
    earlier = "ISIC_0000009,CC-0,Another hospital,male"
    header, *rows = table.read_text().splitlines()
    assert header.startswith("isic_id,copyright_license,attribution,sex")
    table.write_text("\n".join([header, earlier, rows[0].replace("CC-BY", "old")]) + "\n")
    fetch_from(archive, tmp_path, limit=2)
    lines = table.read_text().splitlines()
    assert len(lines) == 4
    assert lines[1].startswith(earlier)
    assert "old" not in table.read_text()


def test_an_image_that_is_gone_is_listed(archive, tmp_path, capsys):
    archive.trouble = {"3": "gone"}
    api = f"{archive.address}/api/v2"
    assert main(["fetch", "--out", str(tmp_path), "--api", api]) == 2
    printed = capsys.readouterr()
    assert "4 images fetched" in printed.out
    assert "ISIC_0000003" in printed.err
    assert "404" in printed.err
    assert main(["fetch", "--out", str(tmp_path), "--api", api]) == 0


def test_a_network_that_goes_away_for_a_moment_is_waited_for(archive, tmp_path, monkeypatch):
    read, broken = http.client.HTTPResponse.read, []

    def breaks_once(response, *amount):
        if "/files/" in archive.asked[-1] and not broken:
            broken.append(True)
            raise OSError(errno.ENETDOWN, "Network is down")
        return read(response, *amount)

    monkeypatch.setattr(http.client.HTTPResponse, "read", breaks_once)
    fetched = fetch(tmp_path, api=f"{archive.address}/api/v2", wait=lambda seconds: None)
    assert broken
    assert (fetched.new, fetched.failed) == (5, [])


def test_a_table_of_ones_own_is_not_written_over(archive, tmp_path):
    (tmp_path / "metadata.csv").write_text("image,label\nmine,mel\n")
    with pytest.raises(DataError, match="is not of the ISIC archive"):
        fetch(tmp_path, api=f"{archive.address}/api/v2")
    assert (tmp_path / "metadata.csv").read_text() == "image,label\nmine,mel\n"


def test_nothing_found_is_said(archive, tmp_path):
    with pytest.raises(DataError, match="no image for this"):
        fetch_from(archive, tmp_path, search="nothing")


def test_a_server_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="could not be fetched in 6 attempts"):
        fetch(tmp_path, api="http://127.0.0.1:9/api", wait=lambda seconds: None)
    with pytest.raises(DataError, match="no address of the web"):
        fetch(tmp_path, api="file:///etc")
