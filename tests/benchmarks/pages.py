"""How quick the pages and lists are from a thousand images to a million.

``python -m tests.benchmarks.pages`` (``make bench-pages``) starts a private PostgreSQL with the
durability of a clinic's, fills one database of each size with ``manage.py fill``, serves them by
gunicorn with the settings of production, and asks for every page as a browser does: one client, one
request after the other, over HTTP on this machine. Every size is asked in turn, so that a slow
moment of the machine slows all of them. The first byte is timed from the last byte of the request
to the first of the answer. "Cold" is the first request of a page after PostgreSQL and the web
server were started; the files of the database may still lie in the memory of the system.
"""

import argparse
import http.client
import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.installation import ROOT, SERVER, Installation
from tests.support.postgres import PrivatePostgres
from tests.support.redis import Redis

SIZES = (1_000, 10_000, 100_000, 1_000_000)
WARM_UP, REPEATS = 5, 60
LIMIT_MS, LIMIT_BYTES, LIMIT_RATIO = 150.0, 150 * 1024, 1.5
ASSET = re.compile(rb'(?:href|src)="(/static/[^"]+\.(?:css|js|svg)[^"]*)"')


@dataclass(frozen=True)
class Measured:
    """One page at one size. Times in milliseconds to the first byte, bytes without pictures."""

    page: str
    images: int
    cold: float
    median: float
    p95: float
    queries: int
    size: int


class Browser:
    """One connection that is kept, with the cookie of a session or a token."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        named = {"Host": "127.0.0.1", "Accept-Encoding": "gzip", "X-Forwarded-Proto": "https"}
        self.headers = headers | named

    def get(self, path: str) -> tuple[float, bytes]:
        """Milliseconds to the first byte, and the body as it was sent."""
        return self.send("GET", path, None, {})

    def post(self, path: str, body: str) -> tuple[float, bytes]:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, body, kind)

    def send(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[float, bytes]:
        began = time.perf_counter()
        self.connection.request(method, path, body, self.headers | headers)
        response = self.connection.getresponse()
        first = (time.perf_counter() - began) * 1000
        content = response.read()
        if response.status != 200:
            raise SystemExit(f"{method} {path} answered {response.status}: {content[:300]!r}")
        return first, content


@dataclass(frozen=True)
class Size:
    """A filled database; ``pages`` by name, as tests/benchmarks/visits.py prints them."""

    images: int
    place: Installation
    pages: dict[str, dict[str, Any]]


class Asked:
    """One page of one size, from a web server of its own, so that "cold" is cold for every page."""

    def __init__(self, size: Size, name: str) -> None:
        self.images, self.page = size.images, size.pages[name]
        self.server, url = size.place.start_web()
        self.browser = Browser(url, self.page["headers"])
        self.times: list[float] = []

    def ask(self) -> None:
        if self.page["body"]:
            first, self.content = self.browser.post(self.page["path"], self.page["body"])
        else:
            first, self.content = self.browser.get(self.page["path"])
        self.times.append(first)

    def measured(self) -> Measured:
        cold, times = self.times[0], sorted(self.times[1 + WARM_UP :])
        paths = {path.decode() for path in ASSET.findall(self.content)}
        assets = sum(len(self.browser.get(path)[1]) for path in paths)
        return Measured(
            page=self.page["name"],
            images=self.images,
            cold=round(cold, 1),
            median=round(statistics.median(times), 1),
            p95=round(times[int(len(times) * 0.95) - 1], 1),
            queries=int(self.page["queries"]),
            size=len(self.content) + assets,
        )


def measure(name: str, sizes: Sequence[Size]) -> list[Measured]:
    asked: list[Asked] = []
    try:
        for size in sizes:
            asked.append(Asked(size, name))
        for _ in range(1 + WARM_UP + REPEATS):
            for each in asked:
                each.ask()
        return [each.measured() for each in asked]
    finally:
        for each in asked:
            each.server.stop()


def fill(place: Installation, images: int) -> float:
    """Seconds that filling took."""
    place.manage("migrate", "--verbosity", "0")
    place.manage("collectstatic", "--noinput", "--verbosity", "0")
    began = time.monotonic()
    place.manage("fill", "--patients", str(images // 5))
    return time.monotonic() - began


def measure_sizes(
    postgres: PrivatePostgres, redis: Redis, sizes: Sequence[int], folder: Path
) -> list[Measured]:
    places = {}
    for images in sizes:
        (folder / str(images)).mkdir()
        place = Installation(postgres, redis, f"pages_{images}", folder / str(images))
        print(f"{images} images: filled in {fill(place, images):.0f} s", flush=True)
        places[images] = place
    # now, because a session ends by itself
    found = [Size(images, place, pages_of(place)) for images, place in places.items()]
    postgres.restart()
    return [row for name in found[0].pages for row in measure(name, found)]


def pages_of(place: Installation) -> dict[str, dict[str, Any]]:
    printed = place.run("-m", "tests.benchmarks.visits").splitlines()[-1]
    return {page["name"]: page for page in json.loads(printed)}


def table(rows: list[Measured]) -> str:
    """Pages by size: 95th percentile; then what was measured at the largest size, and how long the
    page is at the smallest and at the largest."""
    sizes = sorted({row.images for row in rows})
    by_page: dict[str, dict[int, Measured]] = {}
    for row in rows:
        by_page.setdefault(row.page, {})[row.images] = row
    head = "page".ljust(28) + "".join(f"{size:>10,}" for size in sizes)
    lines = [f"{head}   ratio   cold  queries       KB   (first byte, 95th percentile, ms)"]
    for page, found in by_page.items():
        last, times = found[sizes[-1]], "".join(f"{found[size].p95:>10.1f}" for size in sizes)
        lengths = f"{found[sizes[0]].size / 1024:>6.0f}{last.size / 1024:>4.0f}"
        facts = f"{ratio(found):>8.2f}{last.cold:>7.0f}{last.queries:>9}{lengths}"
        lines.append(page.ljust(28) + times + facts)
    return "\n".join(lines)


def ratio(found: dict[int, Measured]) -> float:
    """Median at the largest size by the median at the smallest."""
    return found[max(found)].median / found[min(found)].median


def broken(rows: list[Measured]) -> list[str]:
    """What does not keep the limits."""
    found = [f"{row.page} at {row.images}: {row.p95} ms" for row in rows if row.p95 > LIMIT_MS] + [
        f"{row.page} at {row.images}: {row.size} bytes" for row in rows if row.size > LIMIT_BYTES
    ]
    for page in {row.page for row in rows}:
        of_page = {row.images: row for row in rows if row.page == page}
        if ratio(of_page) > LIMIT_RATIO:
            found.append(f"{page}: ratio {ratio(of_page):.2f}")
        if len({row.queries for row in of_page.values()}) > 1:
            counts = sorted(row.queries for row in of_page.values())
            found.append(f"{page}: queries {counts}")
    return sorted(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="images")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "bench-pages.json")
    options = parser.parse_args()
    postgres, redis = PrivatePostgres(SERVER), Redis()
    try:
        postgres.start()
        redis.start()
        with tempfile.TemporaryDirectory(prefix="nevus-pages-") as folder:
            rows = measure_sizes(postgres, redis, options.sizes, Path(folder))
    finally:
        redis.close()
        postgres.stop()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    failures = broken(rows)
    facts = {"cores": os.cpu_count(), "rows": [asdict(row) for row in rows], "broken": failures}
    options.out.write_text(json.dumps(facts, indent=1) + "\n")
    print(table(rows))
    print("\n".join(["Limits broken:", *failures]) if failures else "All limits kept.")


if __name__ == "__main__":
    main()
