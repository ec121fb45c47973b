"""Stamps as text -> nanoseconds: every format is one pattern, and texts of one shape are read together.

Texts of one shape have digits at the same places and equal letters elsewhere.  The format's pattern matches the first
of a shape; numpy reads all others where the pattern found the year, the month, ...  So each text gets what the pattern
would give it, at the price of a few array operations a shape.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hindcast.pipeline.raw.timestamp_formats import ABBREVIATIONS, MONTHS, Format
from hindcast.pipeline.settings.base import DAY, HOUR, SECOND
from hindcast.pipeline.settings.clock import Stamps

Flags = NDArray[np.bool_]

FIRST_YEAR, LAST_YEAR = 1900, 2199  # both inclusive; the clocks of zones are known for these years

_NUMBERS = ("Y", "y", "m", "d", "j", "H", "I", "M", "S", "f", "zh", "zm", "e", "ef")
_MINUTES_EAST = np.array(list(ABBREVIATIONS.values()), np.int64)
_FEW = 1024  # texts, by which it is seen whether stamps repeat
_MOST_DIGITS = 19  # of an int64, whose largest number begins with 9
_MOST_SHAPES = 64  # of one length in one block; further ones are matched text by text


@dataclass(frozen=True)
class Parsed:
    """Stamps as read: `wall` nanoseconds, already UTC where `exact`; without meaning where not `ok`."""

    wall: Stamps
    exact: Flags
    ok: Flags

    def take(self, rows: slice | NDArray[Any]) -> Parsed:
        """The stamps at some places."""
        return Parsed(self.wall[rows], self.exact[rows], self.ok[rows])


def parse_stamps(texts: pa.StringArray, *forms: Format) -> Parsed:
    """Read an array of texts without nulls, each by the first format that fits; hour 24 is hour 0 of the next day."""
    if len(texts) > _FEW and len(texts[:_FEW].unique()) <= _FEW // 2:
        coded = texts.dictionary_encode()  # many rows a stamp: each is read once
        return _parse_by_first(coded.dictionary, forms).take(coded.indices.to_numpy())
    return _parse_by_first(texts, forms)


def parse_stamp(text: str, *forms: Format) -> Parsed:
    """One text, as an array of one."""
    return parse_stamps(pa.array([text], pa.string()), *forms)


def _parse_by_first(texts: pa.StringArray, forms: Sequence[Format]) -> Parsed:
    found = _parse_each(texts, forms[0])
    left = np.flatnonzero(~found.ok)
    if len(forms) == 1 or not len(left):
        return found
    others = _parse_by_first(texts.take(pa.array(left)), forms[1:])
    wall, exact, ok = found.wall.copy(), found.exact.copy(), found.ok.copy()
    wall[left], exact[left], ok[left] = others.wall, others.exact, others.ok
    return Parsed(wall, exact, ok)


def _parse_each(texts: pa.StringArray, form: Format) -> Parsed:
    count = len(texts)
    if not count:
        return Parsed(np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(0, np.bool_))
    offsets = np.frombuffer(texts.buffers()[1], np.int32, count + 1, texts.offset * 4)
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    fields, matched = _Fields(count), np.zeros(count, np.bool_)
    lengths = np.diff(offsets)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        _read_length(_Texts(data, offsets[rows].astype(np.int64), int(length)), rows, form, fields, matched)
    return _stamps_of(fields, matched, form.epoch)


class _Fields:
    """The numbers found in each text, a column a field, created when first met; absent is -1."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._columns: dict[str, Stamps] = {}

    def column(self, name: str) -> Stamps:
        if name not in self._columns:
            self._columns[name] = np.full(self.count, -1, np.int64)
        return self._columns[name]

    def get(self, name: str, absent: int) -> Stamps:
        column = self.column(name)
        return np.where(column < 0, absent, column) if (column < 0).any() else column

    def has(self, name: str) -> bool:
        return name in self._columns


@dataclass(frozen=True)
class _Texts:
    """Texts of one length inside one buffer."""

    data: NDArray[np.uint8]
    starts: Stamps
    length: int

    def matrix(self, rows: slice | Stamps) -> NDArray[np.uint8]:
        starts = self.starts[rows]
        if len(starts) and self.length and starts[-1] - starts[0] == (len(starts) - 1) * self.length:
            first = int(starts[0])  # back to back, as in a column whose texts all have this length
            return self.data[first : first + len(starts) * self.length].reshape(-1, self.length)
        gathered: NDArray[np.uint8] = self.data[starts[:, None] + np.arange(self.length)]
        return gathered

    def text(self, row: int) -> str:
        start = int(self.starts[row])
        return self.data[start : start + self.length].tobytes().decode()


def _read_length(texts: _Texts, rows: Stamps, form: Format, fields: _Fields, matched: Flags) -> None:
    open_rows = np.arange(len(rows))
    shapes = 0
    while len(open_rows):
        match = form.pattern.fullmatch(texts.text(int(open_rows[0])))
        if match is None or shapes >= _MOST_SHAPES or not match.string.isascii():
            _keep_one(match, int(rows[open_rows[0]]), fields, matched)
            open_rows = open_rows[1:]
            continue
        shapes += 1
        matrix = texts.matrix(open_rows)
        alike = _same_shape(matrix, match)
        _keep_shape(match, matrix if alike.all() else matrix[alike], rows[open_rows[alike]], fields, matched)
        open_rows = open_rows[~alike]


def _same_shape(matrix: NDArray[np.uint8], match: re.Match[str]) -> Flags:
    free = set()  # places where any digit may stand
    for name in (*_NUMBERS, "rest"):
        if name in match.re.groupindex and match[name] is not None:
            free |= {place for place in range(*match.span(name)) if match.string[place] in "0123456789"}
    alike = np.ones(len(matrix), np.bool_)
    for place, letter in enumerate(match.string):
        column = matrix[:, place]
        # unsigned arithmetic: everything below "0" wraps round to a large number
        alike &= (column - np.uint8(48) < 10) if place in free else (column == ord(letter))
    return alike


def _keep_shape(
    match: re.Match[str], matrix: NDArray[np.uint8], rows: Stamps, fields: _Fields, matched: Flags
) -> None:
    matched[rows] = True
    for name, text in match.groupdict().items():
        if text is None or name == "rest":
            continue
        if name in _NUMBERS:
            start, stop = match.span(name)
            number = np.zeros(len(matrix), np.int64)
            for place in range(start, stop):
                number = number * 10 + (matrix[:, place] - np.uint8(48))
            if stop - start == _MOST_DIGITS:  # the pattern looked at the first of a shape only
                number = np.where(matrix[:, start] == ord("9"), np.iinfo(np.int64).max, number)
            fields.column(name)[rows] = _scaled(name, number, stop - start)
        else:
            fields.column(name)[rows] = _constant(name, text)


def _keep_one(match: re.Match[str] | None, row: int, fields: _Fields, matched: Flags) -> None:
    if match is None:
        return
    matched[row] = True
    for name, text in match.groupdict().items():
        if text is not None and name != "rest":
            number = _scaled(name, int(text), len(text)) if name in _NUMBERS else _constant(name, text)
            fields.column(name)[row] = number


def _scaled(name: str, number: Any, digits: int) -> Any:
    return number * 10 ** (9 - digits) if name in ("f", "ef") else number


def _constant(name: str, text: str) -> int:
    if name == "b":
        return next(index for index, month in enumerate(MONTHS, 1) if month.startswith(text.lower()))
    if name == "p":
        return int(text[0] in "pP")
    if name == "abbr":
        return list(ABBREVIATIONS).index(text.lower())
    return int(text == "-") if name == "sign" else 1  # minus, utc


def _stamps_of(fields: _Fields, matched: Flags, epoch: int) -> Parsed:
    if epoch:
        return _epoch_of(fields, matched, epoch)
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
    return Parsed(wall, exact, ok)


def _days_of(fields: _Fields) -> tuple[Stamps, Flags]:
    year = fields.get("Y", FIRST_YEAR)
    if fields.has("y"):
        short = fields.get("y", 0)
        year = short + np.where(short < 69, 2000, 1900)  # as POSIX has it
    month = fields.get("b" if fields.has("b") else "m", 1)
    by_year = fields.has("j")
    day = fields.get("j" if by_year else "d", 1)
    ok = (year >= FIRST_YEAR) & (year <= LAST_YEAR) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(ok, (year - 1970) * 12 + month - 1, 0)
    first, after = _first_day(months), _first_day(months + (12 if by_year else 1))
    ok &= day <= after - first
    return first + day - 1, ok


def _first_day(months: Stamps) -> Stamps:
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _epoch_of(fields: _Fields, matched: Flags, epoch: int) -> Parsed:
    count, fraction = fields.get("e", 0), fields.get("ef", 0)
    first, last = (
        int(np.datetime64(str(year), "s").astype(np.int64)) for year in (FIRST_YEAR, LAST_YEAR + 1)
    )
    sign = np.where(fields.column("minus") >= 0, -1, 1)
    whole = sign * count
    ok = matched & (whole >= first * (SECOND // epoch)) & (whole < last * (SECOND // epoch))
    wall = np.where(ok, whole, 0) * epoch + sign * (fraction * epoch // SECOND)
    return Parsed(wall, np.ones(len(ok), np.bool_), ok)
