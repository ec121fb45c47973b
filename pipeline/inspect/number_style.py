"""Cells -> how numbers are written: the decimal sign, what stands between thousands, units beside them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

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
_POSITIVE = re.compile(r"^\((?=.*\)$)|(?<=\d)\)$|(?<=\d)-$")  # what makes such a number negative
_SIGNS = "$\u20ac\u00a3"
_UNITS = frozenset(
    ["%", "w", "kw", "mw", "gw", "wh", "kwh", "mwh", "gwh", "\u00b0c", "\u00b0f", "m/s", "km/h", "hpa", "mm", "w/m2", "w/m\u00b2",
     "eur", "usd", "gbp", "\u20ac", "$", "\u00a3", "eur/mwh", "\u20ac/mwh", "$/mwh", "h"]
)  # fmt: skip
_ENOUGH = 0.2  # share of a column's cells that must have a unit beside them


@dataclass(frozen=True)
class Numerals:
    """The style of a file's numbers, and what is to be asked about it."""

    decimal: str
    thousands: str | None
    around: tuple[str, ...]
    notes: tuple[str, ...]
    negatives: str | None = None


def numerals_of(columns: Sequence[Sequence[str]], separator: str) -> Numerals:
    """Tell the style from the trimmed cells of each column."""
    around = _around(columns)
    negatives, example = _negatives(columns)
    cells = [_alone(_POSITIVE.sub("", cell), around) for column in columns for cell in column]
    points = sum(bool(_POINT.fullmatch(cell)) for cell in cells)
    commas = sum(bool(_COMMA.fullmatch(cell)) for cell in cells)
    decimal, thousands, notes = _signs(cells, points, commas)
    if decimal == "," and separator == "," and not commas:
        # between cells stands a comma already: 5.286 is no thousand
        decimal, thousands, notes = ".", None, _fractions(cells)
    elif decimal == "," and separator == ",":
        notes.append(
            "numbers have decimal commas and the separator is a comma too: export with another separator"
        )
        decimal = "."
    elif points and commas and thousands is None:
        notes.append(f"both decimal points ({points} cells) and decimal commas ({commas} cells) occur")
    if negatives:
        notes.append(f"{example!r} is read as a negative number; is it one?")
    return Numerals(decimal, None if thousands == decimal else thousands, around, tuple(notes), negatives)


def _fractions(cells: Sequence[str]) -> list[str]:
    """The question about cells such as 5.286, if they are to be fractions."""
    example = next((cell for cell in cells if _GROUPED.fullmatch(cell) and "." in cell), None)
    return (
        [f"{example!r} is read as a decimal fraction; is the sign a thousands separator?"] if example else []
    )


def _signs(cells: Sequence[str], points: int, commas: int) -> tuple[str, str | None, list[str]]:
    """Decimal sign, sign between thousands, and notes."""
    grouped = [match for cell in cells if (match := _GROUPED.fullmatch(cell))]
    usual = "," if commas > points else "."
    blanks = [match for match in grouped if match["sign"] not in ".,"]
    if blanks:
        sign = "'" if blanks[0]["sign"] in "'\u2019" else " "
        return usual, sign, []
    sure = [
        match
        for match in grouped
        if (match["rest"] and match["rest"][0] != match["sign"]) or match[0].count(match["sign"]) > 1
    ]
    if sure:
        sign = Counter(match["sign"] for match in sure).most_common(1)[0][0]
        return "." if sign == "," else ",", sign, []
    if len(grouped) < 4 or any(
        len(re.sub(r"^[^.,]*[.,]?", "", cell)) != 3
        for cell in cells
        if re.fullmatch(r"[+-]?\d*[.,]\d+", cell)
    ):
        return usual, None, []
    # all fractions have three digits: numbers above 999 without a sign speak for fractions, small whole numbers against
    sign = grouped[0]["sign"]
    whole = any(_SMALL.fullmatch(cell) and not cell.startswith("0") for cell in cells)
    if whole and not any(_LARGE.fullmatch(cell) for cell in cells):
        other = "." if sign == "," else ","
        return (
            other,
            sign,
            [
                f"{grouped[0][0]!r} is taken for a whole number with a sign between thousands; is it a fraction?"
            ],
        )
    return (
        usual,
        None,
        [f"{grouped[0][0]!r} is read as a decimal fraction; is the sign a thousands separator?"],
    )


def _around(columns: Sequence[Sequence[str]]) -> tuple[str, ...]:
    found: set[str] = set()
    for column in columns:
        beside = Counter(text for cell in column for text in _beside(cell))
        found |= {text for text, count in beside.items() if count >= max(2, _ENOUGH * len(column))}
    return tuple(sorted(found))


def _negatives(columns: Sequence[Sequence[str]]) -> tuple[str | None, str]:
    """How negative numbers stand in columns that hold numbers beside them, and one of them."""
    found = {
        name: [
            cell
            for column in columns
            if sum(cell[:1].isdigit() for cell in column) > len(column) / 2
            for cell in column
            if pattern.fullmatch(cell)
        ]
        for name, pattern in _NEGATIVE.items()
    }
    name = max(found, key=lambda name: len(found[name]))
    return (name, found[name][0]) if found[name] else (None, "")


def _beside(cell: str) -> list[str]:
    match = _BESIDE.fullmatch(cell.lstrip("+-\u2212"))
    texts = [match["before"], match["after"]] if match else []
    return [text for text in texts if text and text.lower() in _UNITS]


def _alone(cell: str, around: Sequence[str]) -> str:
    for text in around:
        cell = cell.removesuffix(text).rstrip()
        cell = re.sub(rf"^([+-]?)\s*{re.escape(text)}\s*", r"\1", cell) if text in _SIGNS else cell
    return cell
