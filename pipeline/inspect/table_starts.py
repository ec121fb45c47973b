"""Finds where the tables of a file begin whose headings occur several times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hindcast.pipeline.inspect.dialect import Dialect

_MOST_ABOVE = 3  # lines above the headings of a table in which its name is looked for


@dataclass(frozen=True)
class TableStart:
    """The line number of the headings of a table, and the line above them that is no row; empty if there is none."""

    line: int
    above: str


def find_tables(text: str, dialect: Dialect) -> tuple[TableStart, ...]:
    """Return the tables of a file, if there are several: lines that begin with the first heading are their headings."""
    begin = dialect.header_text.partition(dialect.separator)[0] + dialect.separator
    if dialect.given or not begin[:-1].strip() or text.count(f"\n{begin}") + text.startswith(begin) < 2:
        return ()
    lines = text.split("\n")
    return tuple(
        TableStart(place + 1, _title(lines[max(0, place - _MOST_ABOVE) : place], dialect))
        for place, line in enumerate(lines)
        if line.startswith(begin)
    )


def _title(lines: Sequence[str], dialect: Dialect) -> str:
    """Return the last line with a text, unless it is a row."""
    texts = [text for line in lines if (text := line.strip(f"{dialect.separator} \t"))]
    return texts[-1] if texts and texts[-1].count(dialect.separator) < len(dialect.header) - 1 else ""
