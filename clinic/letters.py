"""Names without the marks of their letters, apostrophes and hyphens, so that one is found however
it was typed: nunez finds Núñez, obrien O'Brien, and pena Ibáñez-Peña."""

import unicodedata
from typing import Any

from django.db.models import CharField, Func

# of European and Vietnamese alphabets; a letter that is no letter with a mark is named
RANGES = ((0x00C0, 0x0250), (0x1E00, 0x1F00))
NAMED = {"Đ": "D", "đ": "d", "Ħ": "H", "ħ": "h", "ı": "i", "Ł": "L", "ł": "l", "Ø": "O", "ø": "o"}
# marks that stand alone after their letter, as some keyboards send them
MARKS = "".join(map(chr, range(0x0300, 0x0370)))
# that of keyboards, the typographic ones, and what stands for one
APOSTROPHES = "'\u2019\u2018\u02bc\u00b4`"
# they divide words: the one of keyboards, that which is not broken at, and a dash
HYPHENS = "-\u2010\u2011\u2013"


def _plain(letter: str) -> str:
    base = unicodedata.normalize("NFD", letter)[0]
    return NAMED.get(letter, base if base.isascii() else letter)


_LETTERS = [chr(code) for start, end in RANGES for code in range(start, end)]
MARKED = "".join(letter for letter in _LETTERS if _plain(letter) != letter)
PLAIN = "".join(_plain(letter) for letter in MARKED)
REPLACED = MARKED + HYPHENS + MARKS + APOSTROPHES
# what has no counterpart goes
BY = PLAIN + " " * len(HYPHENS)
_TABLE = str.maketrans(REPLACED[: len(BY)], BY, MARKS + APOSTROPHES)


def fold(text: str | None) -> str | None:
    """Capitals without marks; on PostgreSQL the function of clinic 0014 does the same."""
    return None if text is None else text.translate(_TABLE).upper()


def split_part(text: str | None, divider: str, place: int) -> str | None:
    """PostgreSQL's: the part at the place, counted from 1; empty where there are fewer."""
    return None if text is None else [*text.split(divider), *[""] * place][place - 1]


class Folded(Func):
    """``fold`` in the database."""

    function = "nevus_fold"
    arity = 1
    output_field = CharField()


class InOrder(Folded):
    """By which names are put in order, whatever collation the database was made with."""

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        return self.as_sql(
            compiler, connection, template='%(function)s(%(expressions)s) COLLATE "C"', **context
        )


class SplitPart(Func):
    function = "split_part"
    arity = 3
    output_field = CharField()


def teach_sqlite(connection: Any, **_signal: Any) -> None:
    """Give a new connection to SQLite the functions that PostgreSQL has."""
    if connection.vendor == "sqlite":
        make = connection.connection.create_function
        make(Folded.function, 1, fold, deterministic=True)
        make(SplitPart.function, 3, split_part, deterministic=True)
