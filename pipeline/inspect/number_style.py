"""Detects how numbers are written: decimal and thousands separators, negative numbers, units next to numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from hindcast.pipeline.inspect.vocabulary import CELL_UNITS
from hindcast.pipeline.raw.numbers import NumberStyle

_POINT = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_GROUPED = re.compile(
    r"[+-]?(?!0)\d{1,3}(?P<sign>[.,' \u2019\u00a0\u2009\u202f])\d{3}(?:(?P=sign)\d{3})*(?P<rest>[.,]\d+)?"
)
_LARGE = re.compile(r"[+-]?[1-9]\d{3,}([.,]\d+)?")
_SMALL = re.compile(r"[+-]?\d{1,3}")
_BESIDE = re.compile(
    r"(?P<before>[$\u20ac\u00a3])?\s*[+-]?(?:\d[\d.,' \u00a0\u202f]*|[.,]\d+)\s*(?P<after>[^\d\s.,:;+-][^\d\s:;]{0,8})?"
)
_NEGATIVE = {
    "brackets": re.compile(r"\(\s*[$\u20ac\u00a3]?\s*\d[\d.,' ]*\)"),
    "trailing": re.compile(r"[$\u20ac\u00a3]?\s*\d[\d.,' ]*-"),
}
_NEGATIVE_MARK = re.compile(r"^\((?=.*\)$)|(?<=\d)\)$|(?<=\d)-$")
_CURRENCIES = "$\u20ac\u00a3"
_ENOUGH = 0.2  # share of a column's cells that must have a unit


def detect_number_style(columns: Sequence[Sequence[str]], separator: str) -> tuple[NumberStyle, list[str]]:
    """Return the style and questions about it, from the trimmed cells of each column; `separator` separates cells."""
    around = _texts_beside(columns)
    negatives, example = _detect_negatives(columns)
    cells = [_strip_texts(_NEGATIVE_MARK.sub("", cell), around) for column in columns for cell in column]
    points = sum(bool(_POINT.fullmatch(cell)) for cell in cells)
    commas = sum(bool(_COMMA.fullmatch(cell)) for cell in cells)
    decimal, thousands, notes = _detect_separators(cells, points, commas)
    if decimal == "," and separator == "," and not commas:
        # the comma already separates cells, so 5.286 is not five thousand
        fraction = next((cell for cell in cells if _GROUPED.fullmatch(cell) and "." in cell), None)
        decimal, thousands, notes = ".", None, [_read_as_fraction(fraction)] if fraction else []
    elif decimal == "," and separator == ",":
        both = "numbers have decimal commas, but cells are separated by commas too"
        notes.append(f"{both}: export the file with another separator")
        decimal = "."
    elif points and commas and thousands is None:
        notes.append(f"both decimal points ({points} cells) and decimal commas ({commas} cells) occur")
    if negatives:
        notes.append(f"{example!r} is read as a negative number; is it one?")
    style = NumberStyle(decimal, None if thousands == decimal else thousands, around, negatives)
    return style, notes


def _detect_separators(cells: Sequence[str], points: int, commas: int) -> tuple[str, str | None, list[str]]:
    """Return the decimal separator, the thousands separator and notes."""
    grouped = [match for cell in cells if (match := _GROUPED.fullmatch(cell))]
    usual = "," if commas > points else "."
    blanks = [match for match in grouped if match["sign"] not in ".,"]
    if blanks:
        return usual, "'" if blanks[0]["sign"] in "'\u2019" else " ", []
    certain = [
        match["sign"]
        for match in grouped
        if (match["rest"] and match["rest"][0] != match["sign"]) or match[0].count(match["sign"]) > 1
    ]
    if certain:
        sign = Counter(certain).most_common(1)[0][0]
        return "." if sign == "," else ",", sign, []
    fractions = [cell for cell in cells if re.fullmatch(r"[+-]?\d*[.,]\d+", cell)]
    if len(grouped) < 4 or any(len(re.sub(r"^[^.,]*[.,]?", "", cell)) != 3 for cell in fractions):
        return usual, None, []
    # all fractions have three digits: numbers above 999 without a separator suggest fractions; else, small whole
    # numbers suggest a thousands separator
    sign, example = grouped[0]["sign"], grouped[0][0]
    whole = any(_SMALL.fullmatch(cell) and not cell.startswith("0") for cell in cells)
    if whole and not any(_LARGE.fullmatch(cell) for cell in cells):
        note = f"{example!r} is read as a whole number with a thousands separator; is it a fraction?"
        return "." if sign == "," else ",", sign, [note]
    return usual, None, [_read_as_fraction(example)]


def _read_as_fraction(example: str) -> str:
    return f"{example!r} is read as a decimal fraction; is the sign a thousands separator?"


def _detect_negatives(columns: Sequence[Sequence[str]]) -> tuple[str | None, str]:
    """Return how negative numbers are written in columns that contain mostly numbers, and an example."""
    numeric = [column for column in columns if sum(cell[:1].isdigit() for cell in column) > len(column) / 2]
    found = {
        name: [cell for column in numeric for cell in column if pattern.fullmatch(cell)]
        for name, pattern in _NEGATIVE.items()
    }
    name = max(found, key=lambda name: len(found[name]))
    return (name, found[name][0]) if found[name] else (None, "")


def _texts_beside(columns: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return units and currencies next to the numbers of some column."""
    found: set[str] = set()
    for column in columns:
        matches = [match for cell in column if (match := _BESIDE.fullmatch(cell.lstrip("+-\u2212")))]
        beside = Counter(text for match in matches for text in (match["before"], match["after"]) if text)
        recurring = {text for text, count in beside.items() if count >= max(2, _ENOUGH * len(column))}
        found |= {text for text in recurring if text.lower() in CELL_UNITS}
    return tuple(sorted(found))


def _strip_texts(cell: str, around: Sequence[str]) -> str:
    for text in around:
        cell = cell.removesuffix(text).rstrip()
        cell = re.sub(rf"^([+-]?)\s*{re.escape(text)}\s*", r"\1", cell) if text in _CURRENCIES else cell
    return cell
