"""What a person sees or hears of a page: its text and the attributes that are read out."""

import re
from html.parser import HTMLParser

SPOKEN = {"alt", "aria-label", "aria-roledescription", "placeholder", "title"}
SILENT = {"script", "style", "svg", "code", "pre", "kbd"}
# what Django puts in, or translates
TAGS = re.compile(
    r"{#.*?#}|{%\s*comment.*?endcomment\s*%}|{%\s*blocktranslate.*?endblocktranslate\s*%}"
    r"|{%\s*block body_class.*?{%\s*endblock\s*%}|{%.*?%}|{{.*?}}",
    re.DOTALL,
)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self.silent.append(tag)
        for name, value in attrs:
            spoken = name in SPOKEN or (name.startswith("data-") and " " in (value or "").strip())
            if spoken and value and value.strip():
                self.found.append(value.strip())

    def handle_endtag(self, tag: str) -> None:
        if self.silent and self.silent[-1] == tag:
            self.silent.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not self.silent:
            self.found.append(" ".join(data.split()))


def visible(html: str) -> list[str]:
    reader = Reader()
    reader.feed(html)
    return reader.found


def unmarked(template: str) -> list[str]:
    """The words of a template that no translation can reach."""
    return [text for text in visible(TAGS.sub("", template)) if re.search(r"[^\W\d_]{2}", text)]
