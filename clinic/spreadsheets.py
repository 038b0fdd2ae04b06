"""CSV files that spreadsheets open as they should: streamed, and no cell runs as a formula."""

import csv
from collections.abc import Iterable, Iterator

# without it a spreadsheet takes the file for Latin-1 and breaks every name with an accent
BYTE_ORDER_MARK = "\ufeff"


class _Line:
    """A file for the CSV writer that gives each line back instead of keeping it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(rows: Iterable[list[str]]) -> Iterator[str]:
    """The text of each row, for a response to stream."""
    writer = csv.writer(_Line())
    for row in rows:
        yield writer.writerow(row)


def safe_cell(text: str) -> str:
    """A cell that a spreadsheet would run as a formula gets a quote in front (OWASP).

    Some spreadsheets cut blanks away before they look.
    """
    risky = text.startswith(("\t", "\r", "\n")) or text.lstrip().startswith(("=", "+", "-", "@"))
    return f"'{text}" if risky else text
