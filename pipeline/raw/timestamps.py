"""Converts timestamps from text to nanoseconds: a format is one pattern, and texts of one shape are parsed together.

Texts of one shape have digits at the same positions and the same letters elsewhere.  The format's pattern is matched
against the first text of a shape; numpy reads the other texts at the positions where the pattern found the year, the
month, ...  So each text gets the result that the pattern would give, at the cost of a few array operations per shape.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Ints, Times
from hindcast.pipeline.raw.count_formats import MOST_DIGITS, CountBase
from hindcast.pipeline.raw.timestamp_formats import ABBREVIATIONS, MONTHS, TimestampFormat
from hindcast.pipeline.settings.base import DAY, HOUR, SECOND

FIRST_YEAR, LAST_YEAR = 1900, 2199  # both inclusive; zone rules are tabulated for these years

_NUMBERS = ("Y", "y", "m", "d", "j", "H", "I", "M", "S", "f", "zh", "zm", "e", "ef", "cf")
_UNUSED = ("rest", "cut")
_MINUTES_EAST = np.array(list(ABBREVIATIONS.values()), np.int64)
_FEW = 1024  # number of texts that are searched for repeated timestamps
_OFTEN = (
    4  # rows with the first timestamp; parsing a text takes about four times as long as finding an equal one
)
_MOST_DIGITS = 19  # digits of an int64; its largest number begins with 9
_MOST_SHAPES = 64  # shapes of one length in a block; texts of further shapes are matched one by one


@dataclass(frozen=True)
class ParsedStamps:
    """Parsed timestamps, one array element each.

    - `wall`: wall time in ns, or UTC if `exact` is set; undefined if `ok` is not set.
    - `is_later`: marks the second occurrence of a repeated wall time; None if no column of the file says this.
    - `number`: the number of the step in its day, below the first number if it cannot be read; None if not given.
    - `moved`: how far the rounding of a count has moved the timestamp, in ns.
    """

    wall: Times
    exact: Flags
    ok: Flags
    is_later: Flags | None = None
    number: Ints | None = None
    moved: Times | None = None

    def take(self, rows: slice | NDArray[Any]) -> ParsedStamps:
        """Return the timestamps of some rows."""
        is_later = None if self.is_later is None else self.is_later[rows]
        number = None if self.number is None else self.number[rows]
        moved = None if self.moved is None else self.moved[rows]
        return ParsedStamps(self.wall[rows], self.exact[rows], self.ok[rows], is_later, number, moved)


def parse_stamps(texts: pa.StringArray, *forms: TimestampFormat) -> ParsedStamps:
    """Parse texts without nulls, each by the first format that fits; hour 24 is hour 0 of the next day."""
    if len(texts) > _FEW and _are_repeated(texts):
        coded = texts.dictionary_encode()  # each timestamp is parsed once
        return _parse_by_first(coded.dictionary, forms).take(coded.indices.to_numpy())
    return _parse_by_first(texts, forms)


def _are_repeated(texts: pa.StringArray) -> bool:
    """Return whether many rows have the same timestamp: neighbours, or rows far apart if each series has its own lines."""
    return len(texts[:_FEW].unique()) <= _FEW // 2 or pc.sum(pc.equal(texts, texts[0])).as_py() >= _OFTEN


def _parse_by_first(texts: pa.StringArray, forms: Sequence[TimestampFormat]) -> ParsedStamps:
    parsed = _parse_each(texts, forms[0])
    rest = np.flatnonzero(~parsed.ok)
    if len(forms) == 1 or not len(rest):
        return parsed
    others = _parse_by_first(texts.take(pa.array(rest)), forms[1:])
    wall, exact, ok = parsed.wall.copy(), parsed.exact.copy(), parsed.ok.copy()
    wall[rest], exact[rest], ok[rest] = others.wall, others.exact, others.ok
    moved = parsed.moved
    if others.moved is not None:
        moved = np.zeros(len(wall), np.int64) if moved is None else moved.copy()
        moved[rest] = others.moved
    return ParsedStamps(wall, exact, ok, moved=moved)


def _parse_each(texts: pa.StringArray, form: TimestampFormat) -> ParsedStamps:
    count = len(texts)
    if not count:
        return ParsedStamps(np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(0, np.bool_))
    offsets = np.frombuffer(texts.buffers()[1], np.int32, count + 1, texts.offset * 4)
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    fields, matched = _Fields(count), np.zeros(count, np.bool_)
    lengths = np.diff(offsets)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        _parse_length(_Texts(data, offsets[rows].astype(np.int64), int(length)), rows, form, fields, matched)
    return _stamps_of(fields, matched, form)


class _Fields:
    """The numbers found in each text, one column per field, created at first use; -1 if a text lacks the field."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._columns: dict[str, Times] = {}

    def column(self, name: str) -> Times:
        if name not in self._columns:
            self._columns[name] = np.full(self.count, -1, np.int64)
        return self._columns[name]

    def get(self, name: str, absent: int) -> Times:
        column = self.column(name)
        return np.where(column < 0, absent, column) if (column < 0).any() else column

    def has(self, name: str) -> bool:
        return name in self._columns


@dataclass(frozen=True)
class _Texts:
    """Texts of one length inside one buffer."""

    data: NDArray[np.uint8]
    starts: Ints
    length: int

    def matrix(self, rows: slice | Ints) -> NDArray[np.uint8]:
        starts = self.starts[rows]
        if len(starts) and self.length and starts[-1] - starts[0] == (len(starts) - 1) * self.length:
            first = int(starts[0])  # contiguous, as in a column whose texts all have this length
            return self.data[first : first + len(starts) * self.length].reshape(-1, self.length)
        letters: NDArray[np.uint8] = self.data[starts[:, None] + np.arange(self.length)]
        return letters

    def text(self, row: int) -> str:
        start = int(self.starts[row])
        return self.data[start : start + self.length].tobytes().decode()


def _parse_length(texts: _Texts, rows: Ints, form: TimestampFormat, fields: _Fields, matched: Flags) -> None:
    open_rows = np.arange(len(rows))
    shapes = 0
    while len(open_rows):
        match = form.pattern.fullmatch(texts.text(int(open_rows[0])))
        if match is None or shapes >= _MOST_SHAPES or not match.string.isascii():
            _store_one(match, int(rows[open_rows[0]]), fields, matched)
            open_rows = open_rows[1:]
            continue
        shapes += 1
        matrix = texts.matrix(open_rows)
        alike = _same_shape(matrix, match)
        _store_shape(match, matrix if alike.all() else matrix[alike], rows[open_rows[alike]], fields, matched)
        open_rows = open_rows[~alike]


def _same_shape(matrix: NDArray[np.uint8], match: re.Match[str]) -> Flags:
    free = set()  # positions of digits
    for name in (*_NUMBERS, *_UNUSED):
        if name in match.re.groupindex and match[name] is not None:
            free |= {place for place in range(*match.span(name)) if match.string[place] in "0123456789"}
    alike = np.ones(len(matrix), np.bool_)
    for place, letter in enumerate(match.string):
        column = matrix[:, place]
        # unsigned arithmetic: everything below "0" wraps to a large number
        alike &= (column - np.uint8(48) < 10) if place in free else (column == ord(letter))
    return alike


def _store_shape(
    match: re.Match[str], matrix: NDArray[np.uint8], rows: Ints, fields: _Fields, matched: Flags
) -> None:
    matched[rows] = True
    for name, text in match.groupdict().items():
        if text is None or name in _UNUSED:
            continue
        if name in _NUMBERS:
            start, stop = match.span(name)
            if name == "cf":
                fields.column("digits")[rows] = stop - start
            number = np.zeros(len(matrix), np.int64)
            for place in range(start, stop):
                number = number * 10 + (matrix[:, place] - np.uint8(48))
            if stop - start == _MOST_DIGITS:  # the pattern checked only the first text of the shape
                number = np.where(matrix[:, start] == ord("9"), np.iinfo(np.int64).max, number)
            fields.column(name)[rows] = _scaled(name, number, stop - start)
        else:
            fields.column(name)[rows] = _code_of(name, text)


def _store_one(match: re.Match[str] | None, row: int, fields: _Fields, matched: Flags) -> None:
    if match is None:
        return
    matched[row] = True
    for name, text in match.groupdict().items():
        if text is not None and name not in _UNUSED:
            if name == "cf":
                fields.column("digits")[row] = len(text)
            number = _scaled(name, int(text), len(text)) if name in _NUMBERS else _code_of(name, text)
            fields.column(name)[row] = number


def _scaled(name: str, number: Any, digits: int) -> Any:
    most = {"f": 9, "ef": 9, "cf": MOST_DIGITS}.get(name)
    return number if most is None else number * 10 ** (most - digits)


def _code_of(name: str, text: str) -> int:
    if name == "b":
        return next(index for index, month in enumerate(MONTHS, 1) if month.startswith(text.lower()))
    if name == "p":
        return int(text[0] in "pP")
    if name == "abbr":
        return list(ABBREVIATIONS).index(text.lower())
    return int(text == "-") if name == "sign" else 1  # minus, utc


def _stamps_of(fields: _Fields, matched: Flags, form: TimestampFormat) -> ParsedStamps:
    if form.epoch:
        return _epoch_of(fields, matched, form.epoch)
    if form.counts is not None:
        return _counted_of(fields, matched, form.counts)
    days, ok = _days_of(fields)
    hours, minutes, seconds, fraction = (fields.get(name, 0) for name in ("H", "M", "S", "f"))
    if fields.has("I"):
        twelve = fields.get("I", 12)
        ok &= (twelve >= 1) & (twelve <= 12)
        hours = twelve % 12 + 12 * fields.get("p", 0)
    past = minutes * 60 * SECOND + seconds * SECOND + fraction
    ok &= matched & (hours <= 24) & (minutes < 60) & (seconds < 60) & ((hours < 24) | (past == 0))
    exact = np.zeros(len(ok), np.bool_)
    wall = np.where(ok, days * DAY + hours * HOUR + past, 0)
    if fields.has("sign") or fields.has("utc"):
        zone_hours, zone_minutes = fields.get("zh", 0), fields.get("zm", 0)
        ok &= (zone_hours < 24) & (zone_minutes < 60)
        exact = (fields.column("sign") >= 0) | (fields.column("utc") >= 0)
        wall = (
            wall
            - np.where(fields.column("sign") == 1, -1, 1) * (zone_hours * 60 + zone_minutes) * 60 * SECOND
        )
    if fields.has("abbr"):
        abbreviation = fields.column("abbr")
        exact = exact | (abbreviation >= 0)
        wall = wall - np.where(abbreviation < 0, 0, _MINUTES_EAST[abbreviation]) * 60 * SECOND
    return ParsedStamps(wall, exact, ok)


def _days_of(fields: _Fields) -> tuple[Times, Flags]:
    year = fields.get("Y", FIRST_YEAR)
    if fields.has("y"):
        short = fields.get("y", 0)
        year = short + np.where(short < 69, 2000, 1900)  # as in POSIX
    month = fields.get("b" if fields.has("b") else "m", 1)
    by_year = fields.has("j")
    day = fields.get("j" if by_year else "d", 1)
    ok = (year >= FIRST_YEAR) & (year <= LAST_YEAR) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(ok, (year - 1970) * 12 + month - 1, 0)
    first, after = _first_day_of(months), _first_day_of(months + (12 if by_year else 1))
    ok &= day <= after - first
    return first + day - 1, ok


def _first_day_of(months: Ints) -> Times:
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _counted_of(fields: _Fields, matched: Flags, base: CountBase) -> ParsedStamps:
    sign = np.where(fields.column("minus") >= 0, -1, 1)
    time, ok, moved = base.times(sign, *(fields.get(name, 0) for name in ("e", "cf", "digits")))
    ok &= matched
    exact = np.full(len(ok), base.exact)
    return ParsedStamps(np.where(ok, time, 0), exact, ok, moved=np.where(ok, moved, 0))


def _epoch_of(fields: _Fields, matched: Flags, epoch: int) -> ParsedStamps:
    count, fraction = fields.get("e", 0), fields.get("ef", 0)
    first, last = (
        int(np.datetime64(str(year), "s").astype(np.int64)) for year in (FIRST_YEAR, LAST_YEAR + 1)
    )
    sign = np.where(fields.column("minus") >= 0, -1, 1)
    whole = sign * count
    ok = matched & (whole >= first * (SECOND // epoch)) & (whole < last * (SECOND // epoch))
    wall = np.where(ok, whole, 0) * epoch + sign * (fraction * epoch // SECOND)
    return ParsedStamps(wall, np.ones(len(ok), np.bool_), ok)
