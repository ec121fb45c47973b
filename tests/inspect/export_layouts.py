"""What some random exports have besides: files of two widths, headings that repeat, several tables in one file, no header."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

_SAME = "\0"  # a heading ends before it, so that columns of one heading have different keys
_LEAST_ROWS = 8  # of a file with a second table

PREAMBLES = ("Export created", "Load of the region", "Source: ")
TABLE_WORDS = ("Statistic", "Maximum", "Minimum", "Mean")


@dataclass(frozen=True)
class Extras:
    """The extras of one export.

    `wider`: later files have a column more. `flagged`: a column with the heading `quality` behind each value of a wide file.
    `stacked`: what is repeated or added inside a file: its `header`, the whole `export` with the lines above, or another
    `table` of another width. `headerless`: the rows begin at once. `tables`: all series stand in one file, one table below the other.
    """

    wider: bool = False
    flagged: bool = False
    stacked: str = ""
    headerless: bool = False
    tables: bool = False


def draw_extras(
    more: random.Random,
    other: random.Random,
    *,
    layout: str,
    pieces: str,
    named_by_words: bool,
    plain_rows: bool,
) -> Extras:
    """Draw the extras; `named_by_words` says whether headings alone tell what a column is."""
    chances = [more.random() for _ in range(3)]
    stacked = more.choices(("", "header", "export", "table"), (20, 1, 1, 1))[0]
    headerless = plain_rows and not named_by_words and layout != "wide" and chances[2] < 0.12
    return Extras(
        plain_rows and pieces != "one" and chances[0] < 0.5,
        plain_rows and layout == "wide" and chances[1] < 0.25,
        "" if headerless and stacked == "header" else stacked,
        headerless,
        layout == "files" and other.random() < 0.08,
    )


def flag_columns(columns: dict[str, list[str]], first: int) -> dict[str, list[str]]:
    """Add a column of flags behind each column from the place `first`, all with one heading."""
    flagged: dict[str, list[str]] = {}
    for place, (name, texts) in enumerate(columns.items()):
        flagged[name] = texts
        if place >= first:
            flagged[f"quality{_SAME}{place}"] = ["OK"] * len(texts)
    return flagged


def heading_of(key: str) -> str:
    """Return the heading of a column."""
    return key.partition(_SAME)[0]


def stack_lines(
    stacked: str, above: Sequence[str], header: Sequence[str], rows: Sequence[str], separator: str, width: int
) -> list[str]:
    """Return the lines of a file with what is repeated or added inside it."""
    if len(rows) < _LEAST_ROWS or not stacked:
        return [*above, *header, *rows]
    if stacked == "table":
        names, fill = ["Statistic", "Value", "Unit"], ["1234", "MW"]
        if width == len(names):
            names, fill = [*names, "Count"], [*fill, "24"]
        other = [names, *([word, *fill] for word in TABLE_WORDS[1:])]
        return [*above, *header, *rows, "", *map(separator.join, other)]
    half = len(rows) // 2
    again = [*(above if stacked == "export" else ()), *header]
    return [*above, *header, *rows[:half], *again, *rows[half:]]
