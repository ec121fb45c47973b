"""Converts numbers from text to float64, and applies the checks that a value declares."""

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

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.raw.reject_rules import ALLOWED, FLAGGED, MAX, MIN, RowFaults
from hindcast.pipeline.settings.fields import ValueField
from hindcast.pipeline.settings.raw import Source

_NUMBER = r"^[+-]?(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+)(?:[eE][+-]?[0-9]+)?$"
_INNER = r"([^-+()]*[0-9](?:[^-+()]*[^-+()\s])?)\s*"
_NEGATIVES = {"brackets": (rf"^[(]\s*{_INNER}[)]$", r"-\1"), "trailing": (rf"^{_INNER}-$", r"-\1")}
_MINUS = "\u2212"
_BLANKS = "[ \u00a0\u2007\u2009\u202f]"
_BETWEEN_THOUSANDS = {",": "[,]", ".": "[.]", " ": _BLANKS, "'": "['\u2019]"}
_PIECE = 1 << 18  # bytes that are searched at once: they fit the processor cache


@dataclass(frozen=True)
class NumberStyle:
    """How numbers are written: decimal sign, thousands separator, texts around them to ignore, negative numbers."""

    decimal: str = "."
    thousands: str | None = None
    around: tuple[str, ...] = ()
    negatives: str | None = None  # "brackets" as in (12.5), "trailing" as in 12.5-; -12.5 is always read

    @classmethod
    def of(cls, source: Source) -> NumberStyle:
        """Return the style of a source."""
        return cls(source.decimal, source.thousands, source.around, source.negatives)


def read_numbers(texts: pa.StringArray, missing: tuple[str, ...], style: NumberStyle) -> tuple[Floats, Flags]:
    """Parse texts without nulls; returns the numbers (NaN if missing or bad) and flags of the bad ones.

    White space around a number or a missing marker is ignored.  An infinite number is bad.  U+2212 counts as minus.
    """
    return read_number_columns([texts], missing, style)[0]


def read_number_columns(
    columns: Sequence[pa.StringArray], missing: tuple[str, ...], style: NumberStyle
) -> list[tuple[Floats, Flags]]:
    """Do the same as `read_numbers` for several columns; the few irregular cells of all columns are parsed together."""
    if not columns:
        return []
    read = [_read_plain(texts, style.decimal) for texts in columns]
    irregular = [texts.take(pa.array(rows)) for texts, (_, _, rows) in zip(columns, read, strict=True)]
    parsed = _read_irregular(pa.concat_arrays(irregular), missing, style)
    borders = np.cumsum([len(rows) for _, _, rows in read])[:-1]
    for (values, bad, rows), *replacements in zip(
        read, *(np.split(part, borders) for part in parsed), strict=True
    ):
        values[rows], bad[rows] = replacements
    return [(values, bad) for values, bad, _ in read]


@lru_cache(maxsize=64)  # called for every file of a source
def numeric_markers(missing: tuple[str, ...], decimal: str) -> Floats:
    """Return the missing markers that are numbers: such a marker matches every spelling of its number."""
    texts = pa.array(sorted(set(missing)), pa.string())
    values, bad = read_numbers(texts, (), NumberStyle(decimal))
    return np.unique(values[~bad & ~np.isnan(values)])


def blank_markers(values: Floats, markers: Floats) -> Floats:
    """Replace values that equal a numeric missing marker by NaN."""
    return np.where(np.isin(values, markers), np.nan, values) if len(markers) else values


def check_values(values: Floats, field: ValueField, column: int, faults: RowFaults) -> None:
    """Record the values outside `min`, `max`, `allowed` and the limits whose rows go to quarantine; missing values pass."""
    if field.min is not None:
        faults.mark(values < field.min, MIN, column)
    if field.max is not None:
        faults.mark(values > field.max, MAX, column)
    if field.allowed is not None:
        faults.mark(~np.isin(values, np.array(field.allowed)) & ~np.isnan(values), ALLOWED, column)
    if field.flag is not None and field.on_flag == "quarantine":
        if field.flag.below is not None:
            faults.mark(values < field.flag.below, FLAGGED, column)
        if field.flag.above is not None:
            faults.mark(values > field.flag.above, FLAGGED, column)


def _read_plain(texts: pa.StringArray, decimal: str) -> tuple[Floats, Flags, Ints]:
    """Return the plain numbers, flags of the bad ones, and the indices of irregular cells."""
    irregular = _find_irregular(texts, decimal)
    try:
        values: Floats = _to_numpy(pc.cast(_nullify(texts, irregular, decimal), pa.float64()))
    except pa.ArrowInvalid:  # digits, points and signs that are not a number, as in 1-2
        return np.empty(len(texts)), np.zeros(len(texts), np.bool_), np.arange(len(texts))
    bad = ~np.isfinite(values) & ~irregular
    return np.where(bad, np.nan, values), bad, np.flatnonzero(irregular)


def _find_irregular(texts: pa.StringArray, decimal: str) -> Flags:
    """Flag cells that contain more than digits, minus, point and exponent, or that do not end with a digit.

    These are markers, blanks and words.  All bytes of a column are tested at once, so that only these few cells take
    the slow path.
    """
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)[: offsets[-1]]
    irregular: Flags = offsets[1:] == offsets[:-1]
    for start in range(int(offsets[0]), len(data), _PIECE):
        strange = np.flatnonzero(_is_strange(data[start : start + _PIECE], decimal)) + start
        irregular[np.searchsorted(offsets, strange, "right") - 1] = True
    if len(data):
        irregular |= _no_digit(data[offsets[1:] - 1])  # wrong byte for empty cells, already irregular
    return irregular


def _no_digit(letters: NDArray[np.uint8]) -> Flags:
    # unsigned arithmetic: everything below "0" wraps to a large number
    flags: Flags = letters - np.uint8(48) > 9
    return flags


def _is_strange(letters: NDArray[np.uint8], decimal: str) -> Flags:
    strange: Flags = _no_digit(letters) & (letters | 32 != ord("e"))  # E and e differ by this bit
    for sign in b"-" + decimal.encode():
        strange &= letters != sign
    return strange


def _nullify(texts: pa.StringArray, rows: Flags, decimal: str) -> pa.StringArray:
    """Return the texts with a decimal point, null in some rows; copied only if the decimal sign is replaced."""
    _, offsets, data = texts.buffers()
    if decimal != "." and data is not None:
        data = pa.py_buffer(data.to_pybytes().replace(decimal.encode(), b"."))
    valid = np.packbits(np.concatenate([np.zeros(texts.offset, np.bool_), ~rows]), bitorder="little")
    return pa.StringArray.from_buffers(len(texts), offsets, data, pa.py_buffer(valid), -1, texts.offset)


def _read_irregular(
    texts: pa.StringArray, missing: tuple[str, ...], style: NumberStyle
) -> tuple[Floats, Flags]:
    trimmed = pc.utf8_trim_whitespace(texts)
    absent = pc.is_in(
        trimmed, value_set=pa.array(sorted({marker.strip() for marker in missing}), pa.string())
    )
    letters = trimmed.buffers()[2]
    plain = trimmed
    if letters is not None and _MINUS.encode() in letters.to_pybytes():
        plain = pc.replace_substring(plain, _MINUS, "-")
    if style.negatives is not None:
        plain = pc.replace_substring_regex(plain, *_NEGATIVES[style.negatives])
    if style.around:
        plain = _strip_around(plain, style.around)
    if style.thousands is not None:
        plain = _join_thousands(plain, style.thousands, style.decimal)
    if style.decimal != ".":  # a point in a file with decimal commas is ambiguous: make the cell unreadable
        plain = pc.replace_substring(pc.replace_substring(plain, ".", "?"), style.decimal, ".")
    readable = pc.and_(pc.match_substring_regex(plain, _NUMBER), pc.invert(absent))
    plain = pc.utf8_ltrim(plain, characters="+")
    values: Floats = _to_numpy(
        pc.cast(pc.if_else(readable, plain, pa.scalar(None, pa.string())), pa.float64())
    )
    values = np.where(np.isfinite(values), values, np.nan)
    bad: Flags = np.isnan(values) & ~_to_numpy(absent)
    return values, bad


def _strip_around(texts: pa.StringArray, around: tuple[str, ...]) -> pa.StringArray:
    """Remove units, currencies and percent signs before numbers (also between sign and number) and after them."""
    words = "|".join(re.escape(word.strip()) for word in sorted(around, key=len, reverse=True))
    before = pc.replace_substring_regex(texts, rf"^([+-]?)\s*(?:{words})\s*([-+]?[0-9.,])", r"\1\2")
    return pc.replace_substring_regex(before, rf"([0-9.,])\s*(?:{words})$", r"\1")


def _join_thousands(texts: pa.StringArray, separator: str, decimal: str) -> pa.StringArray:
    """Remove the separators between groups of three digits from numbers; other texts are unchanged."""
    between = _BETWEEN_THOUSANDS[separator]
    grouped = rf"^[+-]?[0-9]{{1,3}}(?:{between}[0-9]{{3}})+(?:[{decimal}][0-9]*)?$"
    joined = pc.replace_substring_regex(texts, between, "")
    return pc.if_else(pc.match_substring_regex(texts, grouped), joined, texts)


def _to_numpy(array: pa.Array) -> Any:
    return array.to_numpy(zero_copy_only=False)
