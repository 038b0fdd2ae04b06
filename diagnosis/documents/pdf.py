"""The look of our PDF documents: fonts that are shipped, styles, tables, pictures, bar charts."""

import io
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from django.utils.html import escape
from django.utils.translation import gettext as _
from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    Image,
    Paragraph,
    SimpleDocTemplate,
    Table,
    TableStyle,
)

from diagnosis.charts import Columns

FONTS = Path(__file__).parent / "fonts"
NORMAL, BOLD = "NevusSans", "NevusSansBold"
MARGIN = 16 * mm
# it fits A4 and, with the same margins, Letter
PAPER = A4
# of a line, in points
ROOM = PAPER[0] - 2 * MARGIN
PADDING = 2
# for the numbers beside a chart, in points
SCALE = 36
# of a unit of its height: both charts fit on a page
DOWN = 0.78
MISSING = "?"
TEXT, MUTED, GRID = HexColor("#15191d"), HexColor("#545d67"), HexColor("#c6ccd2")
KINDS = {
    "high": HexColor("#d55e00"),
    "medium": HexColor("#e3a33b"),
    "low": HexColor("#2f79b9"),
    "unread": HexColor("#a9b1b9"),
    "plain": HexColor("#5b7fa6"),
}


@cache
def register_fonts() -> None:
    pdfmetrics.registerFont(TTFont(NORMAL, FONTS / "DejaVuSans.ttf"))
    pdfmetrics.registerFont(TTFont(BOLD, FONTS / "DejaVuSans-Bold.ttf"))
    # a paragraph looks for the bold and slanted sisters of its font: each is a family of its own
    for name in (NORMAL, BOLD):
        pdfmetrics.registerFontFamily(name, normal=name, bold=BOLD, italic=name, boldItalic=BOLD)


def style(size: float, *, bold: bool = False, muted: bool = False, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        f"{size}{bold}{muted}{more}",
        fontName=BOLD if bold else NORMAL,
        fontSize=size,
        leading=size * 1.35,
        textColor=MUTED if muted else TEXT,
        **more,
    )


TITLE = style(16, bold=True, spaceAfter=4)
HEADING = style(11, bold=True, spaceBefore=12, spaceAfter=4, keepWithNext=1)
TABLE_HEADING = style(11, bold=True, spaceBefore=12, spaceAfter=4)
BODY, SMALL = style(9), style(7.5, muted=True)
STRONG, LABEL = style(10, bold=True), style(7.5, bold=True, muted=True, spaceBefore=4)
CELL, HEAD = style(7), style(7, bold=True)


def text(content: object, look: ParagraphStyle = BODY) -> Paragraph:
    """A paragraph of plain text: whatever stands in it, it is no markup."""
    return Paragraph(escape(printable(str(content))), look)


def printable(content: str) -> str:
    """A sign that the font lacks would vanish from a name: it becomes a mark that is seen."""
    register_fonts()
    known = pdfmetrics.getFont(NORMAL).face.charToGlyph
    return "".join(sign if ord(sign) in known or sign.isspace() else MISSING for sign in content)


def table_heading(content: str) -> list[Flowable]:
    """Not alone at the foot of a page, and not moved to the next one with all of its table."""
    return [CondPageBreak(40 * mm), text(content, TABLE_HEADING)]


def table(
    head: Sequence[object], rows: Sequence[Sequence[object]], widths: Sequence[float]
) -> Table:
    """A table over the whole width; ``widths`` are shares. Its head is repeated on every page.

    A cell of several lines is a tuple of these.
    """
    cells = [
        [lines(cell, HEAD) for cell in head],
        *([lines(cell, CELL) for cell in row] for row in rows),
    ]
    found = Table(cells, colWidths=[ROOM * share / sum(widths) for share in widths], repeatRows=1)
    found.setStyle(
        TableStyle(
            [
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, GRID),
                ("VALIGN", (0, 0), (-1, -1), "TOP"),
                ("LEFTPADDING", (0, 0), (-1, -1), PADDING),
                ("RIGHTPADDING", (0, 0), (-1, -1), PADDING),
                ("TOPPADDING", (0, 0), (-1, -1), 2),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
            ]
        )
    )
    return found


def lines(cell: object, look: ParagraphStyle) -> list[Paragraph]:
    parts = cell if isinstance(cell, tuple) else (cell,)
    return [text(part, look) for part in parts if part != ""]


def width_of(content: str) -> float:
    """How wide a column must be so that the text stands in one line of it, in points."""
    # a line that is filled to the last point is broken as well
    return pdfmetrics.stringWidth(printable(content), NORMAL, CELL.fontSize) + 2 * PADDING + 1


def drawing(chart: Columns) -> Drawing:
    """The chart over the whole width. Its own axis points down, that of a PDF up."""
    across, room = (ROOM - SCALE) / 100, chart.height * DOWN
    shapes = Drawing(ROOM, room)
    for tick in chart.ticks:
        y = room - tick.y * DOWN
        shapes.add(Line(SCALE, y, ROOM, y, strokeColor=GRID, strokeWidth=0.5))
        shapes.add(word(SCALE - 5, y - 2.5, tick.text, "end"))
    for bar in chart.bars:
        x, y = SCALE + bar.x * across, room - (bar.y + bar.height) * DOWN
        fill = {"fillColor": KINDS[bar.kind], "strokeColor": None}
        shapes.add(Rect(x, y, bar.width * across, bar.height * DOWN, **fill))
    for name in chart.names:
        for down, words in name.lines:
            shapes.add(word(SCALE + name.x * across, room - down * DOWN, words, "middle"))
    return shapes


def legend(entries: Sequence[tuple[str, str]]) -> Drawing:
    """What each colour of a chart means, in one line; ``entries`` are (kind, name)."""
    register_fonts()
    shapes, x = Drawing(ROOM, 14), 0.0
    for kind, name in entries:
        shapes.add(Rect(x, 3, 8, 8, fillColor=KINDS[kind], strokeColor=None))
        shapes.add(String(x + 12, 4, name, fontName=NORMAL, fontSize=8, fillColor=TEXT))
        x += 12 + pdfmetrics.stringWidth(name, NORMAL, 8) + 16
    return shapes


def word(x: float, y: float, content: str, anchor: str) -> String:
    return String(x, y, content, fontName=NORMAL, fontSize=8, textAnchor=anchor, fillColor=MUTED)


def picture(content: bytes, width: float, height: float) -> Image:
    """The whole picture, as large as fits into the room; its bytes are read when it is drawn."""
    found = Image(io.BytesIO(content), lazy=2)
    found._restrictSize(width, height)
    return found


class NumberedCanvas(Canvas):
    """Keeps its pages until the last is drawn: only then is "of how many" known."""

    def __init__(self, *args: Any, foot: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.foot = foot
        self.pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802
        self.pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self.pages, 1):
            self.__dict__.update(page)
            self.draw_foot(number, len(self.pages))
            super().showPage()
        super().save()

    def draw_foot(self, number: int, count: int) -> None:
        self.setFont(NORMAL, 7)
        self.setFillColor(MUTED)
        words = _("Page %(number)d of %(count)d") % {"number": number, "count": count}
        room = PAPER[0] - 2 * MARGIN - self.stringWidth(words, NORMAL, 7) - 5 * mm
        self.drawString(MARGIN, MARGIN, shortened(self.foot, room, 7))
        self.drawRightString(PAPER[0] - MARGIN, MARGIN, words)


def shortened(content: str, room: float, size: float) -> str:
    """As much of one line as fits into the room."""
    if pdfmetrics.stringWidth(content, NORMAL, size) <= room:
        return content
    while content and pdfmetrics.stringWidth(f"{content}…", NORMAL, size) > room:
        content = content[:-1]
    return f"{content}…"


def build(parts: Sequence[Flowable], *, title: str) -> bytes:
    """The document as bytes, with its title and page numbers at the foot of each page."""
    register_fonts()
    buffer = io.BytesIO()
    document = SimpleDocTemplate(
        buffer,
        pagesize=PAPER,
        # a frame keeps 6 points of its own
        leftMargin=MARGIN - 6,
        rightMargin=MARGIN - 6,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 6 * mm,
        title=title,
        creator="Nevus",
    )
    document.build(list(parts), canvasmaker=partial(NumberedCanvas, foot=title))
    return buffer.getvalue()
