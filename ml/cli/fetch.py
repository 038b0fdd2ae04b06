"""``python -m ml fetch``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ml.cli.common import positive
from ml.words import counted

SUMMARY = "download images and metadata from the ISIC archive"
STOPPED = "stopped. The same command goes on where it was."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ml.fetching import API

    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to fill")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--collection", type=positive, metavar="ID", help="one collection's images")
    what.add_argument("--search", default="", metavar="QUERY", help="in the archive's language")
    parser.add_argument("--limit", type=positive, metavar="N", help="at most so many images")
    parser.add_argument("--api", default=API, metavar="URL", help=f"default {API}")


def run(options: argparse.Namespace) -> None:
    """Download public images of the ISIC archive, with metadata, licence and attribution of each.

    What is there is not fetched again, so the same command goes on after an interruption. The
    folder can be given to 'train' as it is.
    """
    from ml.errors import DataError
    from ml.fetching import fetch

    done = fetch(options.out, options.collection, options.search, options.limit, options.api)
    print(f"{options.out}: {counted(done.new, 'image')} fetched, {done.kept} there before")
    if done.failed:
        shown = "\n  ".join(done.failed)
        raise DataError(f"{counted(len(done.failed), 'image')} could not be fetched:\n  {shown}")
