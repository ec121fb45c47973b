"""Detects how numbers are written: decimal and thousands separators, negative numbers, units next to numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

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
_DIGITS = str.maketrans("23456789", "11111111")
_ENOUGH = 0.2  # share of a column's cells that must have a unit


def to_shapes(cells: Sequence[str]) -> list[str]:
    """Replace the digits 2 to 9 by 1.

    Cells that differ in them only are written alike, and thousands of cells have few shapes.
    """
    if not cells:
        return []
    return "\n".join(cells).translate(_DIGITS).split("\n")


@dataclass(frozen=True)
class NumberGuess:
    """How the cells of some columns are written.

    `proven` is True if a cell shows which sign is the decimal sign or separates thousands; `doubt` is a cell that may be either
    a fraction or a whole number, such as 1.234, if none does. `notes` are other remarks, one sentence each.
    """

    style: NumberStyle
    proven: bool
    doubt: str
    notes: tuple[str, ...]


def detect_number_style(columns: Sequence[Sequence[str]], separator: str) -> NumberGuess:
    """Return the style, from the trimmed cells of each column; `separator` separates cells.

    Shapes of cells are examined, each once; in notes, `first` gives the first cell of a shape.
    """
    shaped = [to_shapes(column) for column in columns]
    counted = [Counter(shapes) for shapes in shaped]
    first = {
        shape: cell
        for shapes, column in zip(reversed(shaped), reversed(columns), strict=True)
        for shape, cell in zip(reversed(shapes), reversed(column), strict=True)
    }
    around = _texts_beside(counted)
    negatives, example = _detect_negatives(counted)
    plain, examples = list[Counter[str]](), dict[str, str]()
    for column in counted:
        cells = Counter[str]()
        for shape, count in column.items():
            cell = _plain_number(shape, around)
            cells[cell] += count
            examples.setdefault(cell, _plain_number(first[shape], around))
        plain.append(cells)
    signs = _detect_signs(plain, separator, examples)
    notes = list(signs.notes)
    if negatives:
        notes.append(f"{first[example]!r} is read as a negative number; is it one?")
    thousands = None if signs.thousands == signs.decimal else signs.thousands
    style = NumberStyle(signs.decimal, thousands, around, negatives)
    return NumberGuess(style, signs.proven, signs.doubt, tuple(notes))


def ask_about_doubt(doubt: str, style: NumberStyle, separator: str) -> str:
    """Return the question about a cell that may be a fraction or a whole number."""
    if style.thousands is None:
        return f"{doubt!r} is read as a decimal fraction; is the sign a thousands separator?"
    other = "is it a decimal comma?" if separator == style.thousands else "is it a fraction?"
    return f"{doubt!r} is read as a whole number with a thousands separator; {other}"


def sign_between_thousands(cells: Iterable[str], decimal: str) -> str | None:
    """Return the sign that separates thousands in cells such as 1'234 or 1,234.5, if the decimal sign is known."""
    matches = (_GROUPED.fullmatch(cell) for cell in cells)
    signs = Counter(_plain_sign(match["sign"]) for match in matches if match)
    del signs[decimal]
    return signs.most_common(1)[0][0] if signs else None


def is_fraction(cell: str, sign: str) -> bool:
    """Return whether a cell is a number whose sign cannot separate thousands, such as 5.25."""
    return bool(re.fullmatch(rf"[+-]?\d*[{sign}]\d+", cell)) and _is_fraction(cell)


@dataclass(frozen=True)
class _Signs:
    """The decimal and thousands signs, with what `NumberGuess` says of them."""

    decimal: str
    thousands: str | None = None
    proven: bool = True
    doubt: str = ""
    notes: tuple[str, ...] = ()


def _detect_signs(columns: Sequence[Counter[str]], separator: str, examples: Mapping[str, str]) -> _Signs:
    """Return the signs of the cells of all columns; a comma between cells is no decimal sign."""
    cells = sum(columns, Counter[str]())
    points = sum(count for cell, count in cells.items() if _POINT.fullmatch(cell))
    commas = sum(count for cell, count in cells.items() if _COMMA.fullmatch(cell))
    signs = _detect_separators(columns, cells, "," if commas > points else ".", examples)
    if signs.decimal == "," and separator == ",":
        if not commas:  # the comma already separates cells, so 5.286 is not five thousand
            fraction = next((cell for cell in cells if _GROUPED.fullmatch(cell) and "." in cell), None)
            return _Signs(".", proven=False, doubt=examples[fraction] if fraction else "")
        if _all_group(cells):
            example = next(examples[cell] for cell in cells if _COMMA.fullmatch(cell))
            return _Signs(".", ",", proven=False, doubt=example)
        both = "numbers have decimal commas, but cells are separated by commas too"
        return _Signs(".", signs.thousands, notes=(f"{both}: export the file with another separator",))
    if points and commas and signs.thousands is None:
        both = f"both decimal points ({points} cells) and decimal commas ({commas} cells) occur"
        return replace(signs, notes=(*signs.notes, both))
    return signs


@lru_cache(maxsize=1 << 12)
def _plain_number(cell: str, around: tuple[str, ...]) -> str:
    return _strip_texts(_NEGATIVE_MARK.sub("", cell), around)


def _detect_separators(
    columns: Sequence[Counter[str]], cells: Counter[str], usual: str, examples: Mapping[str, str]
) -> _Signs:
    """Return the signs from the number of cells of each shape; `usual` is the decimal sign of most cells."""
    grouped = [match for cell in cells if (match := _GROUPED.fullmatch(cell))]
    fractions = [cell for cell in cells if re.fullmatch(r"[+-]?\d*[.,]\d+", cell)]
    proven = any(map(_is_fraction, fractions))
    blanks = [match for match in grouped if match["sign"] not in ".,"]
    if blanks:
        rests = Counter[str]()
        for match in blanks:
            rests[match["rest"][0] if match["rest"] else usual] += cells[match[0]]
        return _Signs(rests.most_common(1)[0][0], _plain_sign(blanks[0]["sign"]))
    certain = Counter[str]()
    for match in grouped:
        if (match["rest"] and match["rest"][0] != match["sign"]) or match[0].count(match["sign"]) > 1:
            certain[match["sign"]] += cells[match[0]]
    if certain:
        sign = certain.most_common(1)[0][0]
        return _Signs("." if sign == "," else ",", sign)
    if proven:
        return _proven_signs(cells, usual)
    if not grouped:
        return _Signs(usual, proven=False)
    # all fractions have three digits: numbers above 999 without a separator suggest fractions; else, small whole
    # numbers in the same column suggest a thousands separator
    sign, example = grouped[0]["sign"], examples[grouped[0][0]]
    if not any(_LARGE.fullmatch(cell) for cell in cells) and any(map(_has_small_and_grouped, columns)):
        return _Signs("." if sign == "," else ",", sign, proven=False, doubt=example)
    return _Signs(usual, proven=False, doubt=example)


def _proven_signs(cells: Mapping[str, int], usual: str) -> _Signs:
    """Return the signs of cells of which some are fractions, such as 5,25: the other sign then separates thousands, as in 4.596."""
    fractions = [cell for cell in cells if re.fullmatch(r"[+-]?\d*[.,]\d+", cell)]
    proofs = {sign for cell in fractions if _is_fraction(cell) for sign in ".," if sign in cell}
    if len(proofs) > 1:
        return _Signs(usual)
    (decimal,) = proofs
    others = [cell for cell in fractions if decimal not in cell]
    grouped = bool(others) and all(_GROUPED.fullmatch(cell) for cell in others)
    return _Signs(decimal, "." if decimal == "," else ",") if grouped else _Signs(usual)


def _has_small_and_grouped(cells: Counter[str]) -> bool:
    """Return whether a column has numbers such as 1.234 beside whole numbers below a thousand."""
    small = any(_SMALL.fullmatch(cell) and not cell.startswith("0") for cell in cells)
    return small and any(_GROUPED.fullmatch(cell) for cell in cells)


def _plain_sign(sign: str) -> str:
    """Return a thousands separator as the settings write it."""
    return sign if sign in ".," else "'" if sign in "'\u2019" else " "


def _all_group(cells: Mapping[str, int]) -> bool:
    """Return whether each comma in a number has groups of three digits behind it, as in 12,000."""
    return all(
        _GROUPED.fullmatch(cell) and not _is_fraction(cell) for cell in cells if _COMMA.fullmatch(cell)
    )


def _is_fraction(cell: str) -> bool:
    """Return whether the sign of a number such as 5.25, 0.125 or 4153.077 cannot separate thousands."""
    whole, rest = re.split("[.,]", cell.lstrip("+-"))
    return len(rest) != 3 or whole in ("", "0") or len(whole) > 3


def _detect_negatives(columns: Sequence[Counter[str]]) -> tuple[str | None, str]:
    """Return how negative numbers are written in columns that contain mostly numbers, and an example (its shape)."""
    numeric = [
        column
        for column in columns
        if 2 * sum(count for cell, count in column.items() if cell[:1].isdigit()) > column.total()
    ]
    found = {
        name: [
            (cell, count) for column in numeric for cell, count in column.items() if pattern.fullmatch(cell)
        ]
        for name, pattern in _NEGATIVE.items()
    }
    name = max(found, key=lambda name: sum(count for _, count in found[name]))
    return (name, found[name][0][0]) if found[name] else (None, "")


def _texts_beside(columns: Sequence[Counter[str]]) -> tuple[str, ...]:
    """Return units and currencies next to the numbers of some column."""
    found: set[str] = set()
    for column in columns:
        beside = Counter[str]()
        for cell, count in column.items():
            for text in _words_beside(cell):
                beside[text] += count
        least = max(min(2, column.total()), _ENOUGH * column.total())  # files of one row have one cell
        recurring = {text for text, count in beside.items() if count >= least}
        found |= {text for text in recurring if text.lower() in CELL_UNITS}
    return tuple(sorted(found))


@lru_cache(maxsize=1 << 12)
def _words_beside(cell: str) -> tuple[str, ...]:
    match = _BESIDE.fullmatch(cell.lstrip("+-\u2212"))
    return tuple(text for text in (match["before"], match["after"]) if text) if match else ()


def _strip_texts(cell: str, around: Sequence[str]) -> str:
    for text in around:
        cell = cell.removesuffix(text).rstrip()
        cell = re.sub(rf"^([+-]?)\s*{re.escape(text)}\s*", r"\1", cell) if text in _CURRENCIES else cell
    return cell
