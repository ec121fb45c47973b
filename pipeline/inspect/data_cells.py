"""Recognises cells that hold data, and a first line that is a row although it stands where headings are expected."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from hindcast.pipeline.inspect.format_guess import guess_formats
from hindcast.pipeline.inspect.vocabulary import MISSING_WORDS

_MOST_LINES = 400  # below the first line that are examined
_NUMBER = re.compile(
    r"[+\u2212-]?[$\u20ac\u00a3]?(\d[\d.,' \u00a0\u202f]*|[.,]\d+)([eE][+-]?\d+)?( ?(%|[A-Za-z\u20ac$/]{1,7}))?"
)
_TIMESTAMP = re.compile(r"\d[\d\s.:/TZ+-]*([\dZ]|\d ?[AaPp][Mm])")
_COMPACT_DATE = re.compile(r"(?:19|20)\d{6}(?:\d{2}){0,3}")
_LONG_NUMBER = re.compile(r"[+-]?\d+[.,]\d+|\d{9,13}")

Row = list[str]


@lru_cache(maxsize=1 << 12)
def is_data_cell(cell: str) -> bool:
    """Return whether a cell looks like a number, a timestamp or a missing value."""
    known = cell.lower() in MISSING_WORDS or _NUMBER.fullmatch(cell) or _TIMESTAMP.fullmatch(cell)
    return bool(known or guess_formats(cell))


def is_row(first: Sequence[str], rows: Sequence[Row]) -> bool:
    """Return whether the first line is a row: all its cells are timestamps and numbers, or one is a timestamp or fraction above others.

    Headings may be dates, but not above a column of dates. Words must be like others below, such as names of series.
    """
    if all(cell and is_data_cell(cell) for cell in first):
        return True
    others = [row for row in rows[:_MOST_LINES] if row != list(first)]
    if not any(_is_above_alike(place, cell, others) for place, cell in enumerate(first)):
        return False
    words = [place for place, cell in enumerate(first) if cell and not is_data_cell(cell)]
    return all(
        any(
            len(row) > place and _without_digits(row[place]) == _without_digits(first[place])
            for row in others
        )
        for place in words
    )


def _is_above_alike(place: int, cell: str, rows: Sequence[Row]) -> bool:
    """Return whether a cell of the first line and most cells below it are timestamps, or numbers that are no headings."""
    cells = [row[place] for row in rows if len(row) > place]
    like = _is_date if _is_date(cell) else _is_long_number
    return like(cell) and 2 * sum(map(like, cells)) > len(cells)


def _is_long_number(cell: str) -> bool:
    """Return whether a cell is a fraction or a count since 1970: a heading may be a year or a date in digits."""
    return _LONG_NUMBER.fullmatch(cell) is not None


def _is_date(cell: str) -> bool:
    return bool(guess_formats(cell)) or _COMPACT_DATE.fullmatch(cell) is not None


def _without_digits(text: str) -> str:
    return re.sub(r"\d+", "0", text)
