"""The ISIC archive's API (version 2): pages of images, each with its file and metadata.

A page is {"count", "next", "results"}; an image has isic_id, copyright_license, attribution,
files.full.url and .size, and metadata in sections (clinical, acquisition).
"""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

from ml.data.tables import read_table
from ml.errors import DataError
from ml.fetching.http import download, get_json
from ml.progress import progress

API = "https://api.isic-archive.com/api/v2"
METADATA = "metadata.csv"
AT_ONCE = 8  # downloads

Wait = Callable[[float], None]


@dataclass
class Fetched:
    """``new`` files were fetched and ``kept`` were there; ``failed`` says "image: reason"."""

    new: int = 0
    kept: int = 0
    failed: list[str] = field(default_factory=list)


def fetch(
    out: Path,
    collection: int | None = None,
    search: str = "",
    limit: int | None = None,
    api: str = API,
    wait: Wait = time.sleep,
) -> Fetched:
    """Download images to ``out``/images, and ``out``/metadata.csv with licence and attribution.

    Files that are there in their full size are kept, so an interrupted download goes on where it
    was, and so are the rows of images that another search has fetched. The result is read by
    ml.data.read_dataset. Raises DataError where the archive does not answer or finds nothing.
    """
    (out / "images").mkdir(parents=True, exist_ok=True)
    records, total = _search(collection, search, api, wait)
    chosen = list(progress(islice(records, limit), "list", min(total, limit or total)))
    if not chosen:
        raise DataError("The archive has no image for this.")
    _write_metadata(out / METADATA, chosen)
    fetched = Fetched()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            results = pool.map(partial(_fetch_image, out=out, wait=wait), chosen)
            for outcome in progress(results, "fetch", len(chosen)):
                _count(fetched, outcome)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    return fetched


def _search(
    collection: int | None, search: str, api: str, wait: Wait
) -> tuple[Iterator[dict[str, Any]], int]:
    asked = {"query": search, "collections": collection, "limit": 100}
    query = urlencode({name: value for name, value in asked.items() if value})
    first = f"{api.rstrip('/')}/images/search/?{query}"
    page = get_json(first, wait)

    def records(page: dict[str, Any]) -> Iterator[dict[str, Any]]:
        address = first
        while True:
            yield from (record for record in page.get("results") or [] if record)
            if not page.get("next"):
                return
            address = urljoin(address, page["next"])
            page = get_json(address, wait)

    return records(page), int(page.get("count") or 0)


def _fetch_image(record: dict[str, Any], out: Path, wait: Wait) -> str | None:
    """None where the file was there, "" where it came, else the reason why it did not."""
    file = out / "images" / f"{_name(record)}.jpg"
    full = (record.get("files") or {}).get("full") or {}
    if "url" not in full:
        return f"{file.stem}: the archive gives no file for it"
    size = full.get("size")
    if file.exists() and size in (None, file.stat().st_size):
        return None
    try:
        download(full["url"], file, size, wait)
    except DataError as error:
        return f"{file.stem}: {error}"
    return ""


def _name(record: dict[str, Any]) -> str:
    name = str(record["isic_id"])
    # it becomes a file's name, and comes from outside
    if not name.replace("_", "").isalnum():
        raise DataError(f"The archive gives an image the name {name!r}, which is no identifier.")
    return name


def _count(fetched: Fetched, outcome: str | None) -> None:
    if outcome is None:
        fetched.kept += 1
    elif outcome:
        fetched.failed.append(outcome)
    else:
        fetched.new += 1


def _write_metadata(file: Path, records: list[dict[str, Any]]) -> None:
    """The rows of ``records``, and those of images that were fetched before."""
    columns, before = read_table(file) if file.exists() else (["isic_id"], [])
    if "isic_id" not in columns:
        raise DataError(f"{file} is not of the ISIC archive; choose another --out.")
    known = {row.get("isic_id", ""): row for row in before}
    known |= {row["isic_id"]: row for row in map(_row, records)}
    rows = list(known.values())
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    file.with_suffix(".new").write_text(text.getvalue(), encoding="utf-8")
    os.replace(file.with_suffix(".new"), file)


def _row(record: dict[str, Any]) -> dict[str, Any]:
    sections = record.get("metadata") or {}
    flat: dict[str, Any] = {}
    for name, section in sections.items():
        flat |= section if isinstance(section, dict) else {name: section}
    kept = {name: record.get(name, "") for name in ("copyright_license", "attribution")}
    return {"isic_id": _name(record)} | kept | flat
