"""Numbers as text -> float64, and the checks that a value declares."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hindcast.pipeline.raw.reject_rules import ALLOWED, MAX, MIN, Findings
from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.raw import Source

Numbers = NDArray[np.float64]

_NUMBER = r"^[+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)(?:[eE][+-]?[0-9]+)?$"
_INNER = r"([^-+()]*[0-9](?:[^-+()]*[^-+()\s])?)\s*"
_NEGATIVES = {"brackets": (rf"^[(]\s*{_INNER}[)]$", r"-\1"), "trailing": (rf"^{_INNER}-$", r"-\1")}
_MINUS = "\u2212"
_BLANKS = "[ \u00a0\u2007\u2009\u202f]"
_BETWEEN_THOUSANDS = {",": "[,]", ".": "[.]", " ": _BLANKS, "'": "['\u2019]"}
_LOOKED_AT = 1 << 18  # letters at once, which stay in the processor's cache


@dataclass(frozen=True)
class Style:
    """How numbers are written: the decimal sign, what stands between thousands, texts beside that mean nothing, the minus."""

    decimal: str = "."
    thousands: str | None = None
    around: tuple[str, ...] = ()
    negatives: str | None = None  # "brackets" as in (12.5), "trailing" as in 12.5-, beside the usual minus

    @classmethod
    def of(cls, source: Source) -> Style:
        """As a source writes them."""
        return cls(source.decimal, source.thousands, source.around, source.negatives)


def numbers_of(
    texts: pa.StringArray, missing: tuple[str, ...], style: Style
) -> tuple[Numbers, NDArray[np.bool_]]:
    """Read texts without nulls: the numbers, NaN where missing or bad, and where they are bad.

    White space around a number or a missing marker does not matter.  An infinite number is bad.  A minus may
    be the sign U+2212.
    """
    return numbers_of_columns([texts], missing, style)[0]


def numbers_of_columns(
    columns: Sequence[pa.StringArray], missing: tuple[str, ...], style: Style
) -> list[tuple[Numbers, NDArray[np.bool_]]]:
    """As `numbers_of`, for several columns: the few cells of all of them that need care are read together."""
    if not columns:
        return []
    read = [_read_plain(texts, style.decimal) for texts in columns]
    doubtful = [texts.take(pa.array(rows)) for texts, (_, _, rows) in zip(columns, read, strict=True)]
    careful = _read_with_care(pa.concat_arrays(doubtful), missing, style)
    borders = np.cumsum([len(rows) for _, _, rows in read])[:-1]
    for (values, bad, rows), *found in zip(read, *(np.split(part, borders) for part in careful), strict=True):
        values[rows], bad[rows] = found
    return [(values, bad) for values, bad, _ in read]


def _read_plain(texts: pa.StringArray, decimal: str) -> tuple[Numbers, NDArray[np.bool_], NDArray[np.int64]]:
    """The plain numbers, which of them are bad, and the places of the cells that are to be read with care."""
    doubtful = _not_plain(texts, decimal)
    try:
        values: Numbers = _to_numpy(pc.cast(_without(texts, doubtful, decimal), pa.float64()))
    except pa.ArrowInvalid:  # made of digits, points and signs, but no number, as in 1-2
        return np.empty(len(texts)), np.zeros(len(texts), np.bool_), np.arange(len(texts))
    bad = ~np.isfinite(values) & ~doubtful
    return np.where(bad, np.nan, values), bad, np.flatnonzero(doubtful)


@lru_cache(maxsize=64)  # asked for every file of a source
def markers_among_numbers(missing: tuple[str, ...], decimal: str) -> Numbers:
    """The missing markers that are numbers: such a marker stands for every spelling of its number."""
    texts = pa.array(sorted(set(missing)), pa.string())
    values, bad = numbers_of(texts, (), Style(decimal))
    return np.unique(values[~bad & ~np.isnan(values)])


def without_markers(values: Numbers, markers: Numbers) -> Numbers:
    """The values, NaN where they equal a numeric missing marker."""
    return np.where(np.isin(values, markers), np.nan, values) if len(markers) else values


def check(values: Numbers, field: ValueField, column: int, findings: Findings) -> None:
    """Note the values outside `min`, `max` and `allowed`; missing values pass."""
    if field.min is not None:
        findings.mark(values < field.min, MIN, column)
    if field.max is not None:
        findings.mark(values > field.max, MAX, column)
    if field.allowed is not None:
        findings.mark(~np.isin(values, np.array(field.allowed)) & ~np.isnan(values), ALLOWED, column)


def _not_plain(texts: pa.StringArray, decimal: str) -> NDArray[np.bool_]:
    """Cells that hold more than digits, minus, point and exponent, or end with no digit: markers, blanks, words.

    A whole column is looked at letter by letter at once, so that only the few cells that are no plain number
    cost the care that they need.
    """
    offsets = _offsets_of(texts)
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[: offsets[-1]]
    doubtful: NDArray[np.bool_] = offsets[1:] == offsets[:-1]
    for start in range(int(offsets[0]), len(data), _LOOKED_AT):
        strange = np.flatnonzero(_is_strange(data[start : start + _LOOKED_AT], decimal)) + start
        doubtful[np.searchsorted(offsets, strange, "right") - 1] = True
    if len(data):
        doubtful |= _no_digit(data[offsets[1:] - 1])  # of an empty cell any letter: it is doubtful already
    return doubtful


def _no_digit(letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    # unsigned arithmetic: everything below "0" wraps round to a large number
    found: NDArray[np.bool_] = letters - np.uint8(48) > 9
    return found


def _is_strange(letters: NDArray[np.uint8], decimal: str) -> NDArray[np.bool_]:
    strange: NDArray[np.bool_] = _no_digit(letters) & (letters | 32 != ord("e"))  # E is e but for this bit
    for sign in b"-" + decimal.encode():
        strange &= letters != sign
    return strange


def _without(texts: pa.StringArray, rows: NDArray[np.bool_], decimal: str) -> pa.StringArray:
    """The texts with a decimal point, null in some rows; nothing is copied but for the point's sake."""
    _, offsets, data = texts.buffers()
    if decimal != "." and data is not None:
        data = pa.py_buffer(data.to_pybytes().replace(decimal.encode(), b"."))
    valid = np.packbits(np.concatenate([np.zeros(texts.offset, np.bool_), ~rows]), bitorder="little")
    return pa.StringArray.from_buffers(len(texts), offsets, data, pa.py_buffer(valid), -1, texts.offset)


def _read_with_care(
    texts: pa.StringArray, missing: tuple[str, ...], style: Style
) -> tuple[Numbers, NDArray[np.bool_]]:
    trimmed = pc.utf8_trim_whitespace(texts)
    absent = pc.is_in(
        trimmed, value_set=pa.array(sorted({marker.strip() for marker in missing}), pa.string())
    )
    signed = pc.replace_substring(trimmed, _MINUS, "-") if _MINUS.encode() in _bytes_of(trimmed) else trimmed
    negated = (
        signed
        if style.negatives is None
        else pc.replace_substring_regex(signed, *_NEGATIVES[style.negatives])
    )
    alone = _without_around(negated, style.around) if style.around else negated
    pointed = _with_points(_without_thousands(alone, style), style.decimal)
    readable = pc.and_(pc.match_substring_regex(pointed, _NUMBER), pc.invert(absent))
    plain = pc.utf8_ltrim(pointed, characters="+")
    values: Numbers = _to_numpy(
        pc.cast(pc.if_else(readable, plain, pa.scalar(None, pa.string())), pa.float64())
    )
    values = np.where(np.isfinite(values), values, np.nan)
    bad: NDArray[np.bool_] = np.isnan(values) & ~_to_numpy(absent)
    return values, bad


def _offsets_of(texts: pa.StringArray) -> NDArray[np.int32]:
    return np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)


def _bytes_of(texts: pa.StringArray) -> bytes:
    data = texts.buffers()[2]
    return b"" if data is None else data.to_pybytes()


def _without_around(texts: pa.StringArray, around: tuple[str, ...]) -> pa.StringArray:
    """Numbers without the units, currencies and percent signs that stand before (also behind the sign) or after them."""
    words = "|".join(re.escape(word.strip()) for word in sorted(around, key=len, reverse=True))
    before = pc.replace_substring_regex(texts, rf"^([+-]?)\s*(?:{words})\s*([-+]?[0-9.,])", r"\1\2")
    return pc.replace_substring_regex(before, rf"([0-9.,])\s*(?:{words})$", r"\1")


def _without_thousands(texts: pa.StringArray, style: Style) -> pa.StringArray:
    """Numbers whose thousands stand apart in groups of three, as one; anything else as it is."""
    if style.thousands is None:
        return texts
    between = _BETWEEN_THOUSANDS[style.thousands]
    grouped = rf"^[+-]?[0-9]{{1,3}}(?:{between}[0-9]{{3}})+(?:[{style.decimal}][0-9]*)?$"
    joined = pc.replace_substring_regex(texts, between, "")
    return pc.if_else(pc.match_substring_regex(texts, grouped), joined, texts)


def _with_points(texts: pa.StringArray, decimal: str) -> pa.StringArray:
    if decimal == ".":
        return texts
    # a point in a file with decimal commas could be anything: make it unreadable
    return pc.replace_substring(pc.replace_substring(texts, ".", "?"), decimal, ".")


def _to_numpy(array: pa.Array) -> Any:
    return array.to_numpy(zero_copy_only=False)
