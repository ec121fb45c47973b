"""Reads a column of timestamps: the format that reads its texts, and other formats that also read them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.inspect.column_types import Column, most_frequent
from hindcast.pipeline.inspect.count_guess import count_format, usual_counts
from hindcast.pipeline.inspect.format_guess import (
    TimestampFormat,
    guess_digit_formats,
    guess_formats,
    with_abbreviation,
)
from hindcast.pipeline.inspect.vocabulary import END, ISSUE, LEAD, START, TIME, VALID, words_in
from hindcast.pipeline.raw.count_formats import find_count_base
from hindcast.pipeline.raw.timestamp_formats import compile_format
from hindcast.pipeline.raw.timestamps import parse_stamps
from hindcast.pipeline.settings.base import DAY, HOUR, TIME_UNITS

_ENOUGH = 0.98  # share of texts that a format must read
_MOST_FORMATS = 3  # formats of one column
_EXAMINED = 5000  # number of texts that are searched for different ones
_MOST_GUESSED = 50  # number of different texts from which formats are guessed
_FIRST_NS = int(np.datetime64("1950-01-01", "ns").astype(np.int64))
_LAST_NS = int(np.datetime64("2100-01-01", "ns").astype(np.int64))

_FIRST_SERIAL, _LAST_SERIAL = 29_221, 73_050  # 1980 to 2099 as Excel counts days
_REGULAR = 0.5  # share of the most frequent step of serials
_VERY_REGULAR = 0.9  # the same for a column without a heading
_ROUNDED_MINUTES = 0.01  # of a serial with 5 decimals or more

PERIODS = {steps * per_hour: HOUR // per_hour for per_hour in (1, 2, 4, 12) for steps in (23, 24, 25)}
"""Length of a step in ns by the number of steps in a day (of 23, 24 and 25 hours)."""


@dataclass(frozen=True, eq=False)
class Period:
    """A column that contains step numbers from `first` (0 or 1) within each day, and the length of a step in ns."""

    column: Column
    length: int
    first: int = 1


@dataclass(frozen=True, eq=False)
class TimestampColumn:
    """Timestamps read from one column, or from several joined by blanks.

    `wall` (rows,) is the time as written in ns (UTC where `exact`), undefined where not `ok`. `rivals` are other
    formats that also read the texts. `path` finds the text in the files' paths if no column contains it.
    """

    columns: tuple[Column, ...]
    form: TimestampFormat
    wall: Times
    exact: bool
    ok: Flags
    rivals: tuple[str, ...] = ()
    hours_to_24: bool = False
    period: Period | None = None
    unproven: bool = False  # counts whose unit no text names
    path: str | None = None
    swapped: TimestampColumn | None = None

    @property
    def day_first(self) -> bool | None:
        """Whether the day is before the month; None if the year is first, or the month is a name."""
        return _day_first(self.form.text)

    def with_order(self, *, day_first: bool | None, certain: bool) -> TimestampColumn:
        """Return it, or `swapped` if that has the given order of day and month; if this is certain, without rivals."""
        found = self
        if self.swapped is not None and self.day_first != day_first:
            found = replace(self.swapped, swapped=None if certain else replace(self, swapped=None))
            found = replace(found, rivals=() if certain else (self.form.text,))
        return replace(found, swapped=None, rivals=()) if certain and self.swapped is not None else found

    @property
    def name(self) -> str:
        """Its heading, or its headings joined by +."""
        return " + ".join(column.name for column in self.columns)

    @property
    def place(self) -> int:
        """The index of its first column; -1 if the paths or the headings alone hold it."""
        return self.columns[0].place if self.columns else -1

    @property
    def words(self) -> frozenset[str]:
        """The words of its headings."""
        return words_in(self.name)

    @property
    def has_clock(self) -> bool:
        """Whether texts have a time of day: dates such as 2024-03-01 are ISO 8601 too."""
        if self.form.text != "iso" or len(self.columns) != 1:
            return self.form.has_clock
        first = self.columns[0].texts.slice(0, _EXAMINED)
        return bool((pc.max(pc.utf8_length(first)).as_py() or 0) > len("2024-03-01"))

    @property
    def daily(self) -> bool:
        """Whether all timestamps are at midnight."""
        return not self.form.has_clock or bool((self.wall[self.ok] % DAY == 0).all())


def usual_step(stamps: Times) -> int:
    """Return the most frequent step in ns between adjacent timestamps that differ; 0 if there are none."""
    steps = np.diff(np.unique(stamps))
    return int(most_frequent(steps)[0]) if len(steps) else 0


def step_text(step: int) -> str:
    """Write a step in ns as in the settings: 15min, 1h, 1d."""
    if step and step % DAY == 0 and step > DAY:
        return f"{step // DAY}d"
    unit = "h" if step and step % HOUR == 0 else "min" if step % TIME_UNITS["min"] == 0 else "s"
    return f"{step // TIME_UNITS[unit]}{unit}"


def minute_text(stamp: int) -> str:
    """Write a timestamp in ns as text, to the minute."""
    return str(np.datetime64(int(stamp), "ns").astype("datetime64[m]")).replace("T", " ")


def read_column(column: Column, refused: Collection[str], since: str | None) -> TimestampColumn | None:
    """Read a column on its own; None if it holds no timestamps."""
    if column.kind == "empty":
        return None
    counted = count_format(column, since)
    if counted is not None:
        return read_texts((column,), column.texts, column.missing, TimestampFormat(counted))
    texts = column.texts.filter(pa.array(~column.missing))
    if column.kind == "number":
        return _read_digits(column, texts)
    formats = dict.fromkeys(_guess_all(texts))
    return _choose_format(column, [form for form in formats if not form.text.startswith(tuple(refused))])


def _guess_all(texts: pa.StringArray) -> list[TimestampFormat]:
    firsts = pc.unique(texts.slice(0, _EXAMINED)).to_pylist()[:_MOST_GUESSED]
    return [form for text in firsts for form in guess_formats(text)]


def _read_digits(column: Column, texts: pa.StringArray) -> TimestampColumn | None:
    """Read compact dates or counts since 1970, if the heading says so or the column is the first in the file."""
    serials = _read_serials(column)
    if serials is not None:
        return serials
    if not column.is_whole or not len(texts) or column.heading.has(LEAD):
        return None
    lengths = pc.unique(pc.utf8_length(pc.replace_substring_regex(texts, r"[.]0*$", ""))).to_pylist()
    confirmed = column.heading.has(TIME | ISSUE | VALID | START | END) or column.place == 0
    if len(lengths) != 1 or not confirmed:
        return None
    formats = guess_digit_formats(lengths[0])
    found = _choose_format(column, [form for form in formats if not form.text.startswith("epoch")])
    if found is not None:
        return found
    epoch = _choose_format(column, [form for form in formats if form.text.startswith("epoch")])
    whole_minutes = epoch is not None and bool((epoch.wall[epoch.ok] % TIME_UNITS["min"] == 0).all())
    return epoch if whole_minutes else None


def read_usual_counts(columns: Sequence[Column]) -> TimestampColumn | None:
    """Read the first column of counts in a usual unit, although no text names it."""
    for column in columns:
        found = (
            read_texts((column,), column.texts, column.missing, TimestampFormat(form))
            for form in usual_counts(column)
        )
        reads = [read for read in found if read is not None]
        if reads:
            return replace(reads[0], unproven=True, rivals=tuple(read.form.text for read in reads[1:]))
    return None


def _read_serials(column: Column) -> TimestampColumn | None:
    """Read days since 1899-12-30, as Excel counts them, if the heading names a time, or there is none, and they are whole minutes."""
    numbers = column.numbers[~np.isnan(column.numbers)]
    named = column.heading.has(TIME | ISSUE | VALID | START | END) and not column.heading.has(LEAD)
    unnamed = column.is_unnamed and (column.place == 0 or _has_digits_of_minutes(column))
    if (
        not (named or unnamed)
        or not len(numbers)
        or numbers.min() < _FIRST_SERIAL
        or numbers.max() > _LAST_SERIAL
    ):
        return None
    minutes = numbers * 1440
    whole = np.unique(np.rint(minutes))
    if column.heading.quantity or (np.abs(minutes - np.rint(minutes)) > _ROUNDED_MINUTES).any():
        return None
    least = _VERY_REGULAR if unnamed else _REGULAR
    if len(whole) < 2 or most_frequent(np.diff(whole))[1] < least:
        return None  # numbers of another kind that lie in the same range
    return read_texts((column,), column.texts, column.missing, TimestampFormat("excel"))


def _has_digits_of_minutes(column: Column) -> bool:
    """Return whether most numbers are written with five decimals or more, which days with a time of day need."""
    long = pc.match_substring_regex(column.texts, r"[.,]\d{5,}$")
    return bool(2 * (pc.sum(long).as_py() or 0) > len(column.texts))


def _choose_format(column: Column, formats: Sequence[TimestampFormat]) -> TimestampColumn | None:
    """Return a format that reads enough texts; among several, the one that gives the most regular steps."""
    attempts = (read_texts((column,), column.texts, column.missing, form) for form in formats)
    found = [read for read in attempts if read is not None]
    if not found:
        return _combine_formats(column, formats)
    best = choose_reading(found)
    if not (best.ok | column.missing).all():
        # a few timestamps may be written differently, such as in a repeated hour
        combined = _combine_formats(column, [best.form])
        if combined and combined.ok.sum() > best.ok.sum():
            return combined
    return best


def choose_reading(found: Sequence[TimestampColumn]) -> TimestampColumn:
    """Return the reading of most texts, among several the most regular and dense one, with its rivals."""
    best = max(
        found,
        key=lambda read: (
            round(float(read.ok.sum()) / len(read.ok), 2),
            regularity(read),
            -_mean_step(read),
        ),
    )
    least = 0.9 * regularity(best)
    equal = [read for read in found if read is not best and read.ok.sum() == best.ok.sum()]
    rivals = [read for read in equal if regularity(read) >= least]
    orders = (read for read in rivals if read.day_first == (best.day_first is False))
    swapped = next(orders, None) if best.day_first is not None else None
    return replace(best, rivals=tuple(read.form.text for read in rivals), swapped=swapped)


def _combine_formats(column: Column, formats: Sequence[TimestampFormat]) -> TimestampColumn | None:
    """Return formats that together read enough texts if no single one does; the format that reads most is first."""
    left, chosen = column.texts.filter(pa.array(~column.missing)), list[TimestampFormat]()
    candidates = list(dict.fromkeys(map(with_abbreviation, formats)))
    while len(left) and len(chosen) < _MOST_FORMATS:
        reads = {form: parse_stamps(left, compile_format(form.text, form.part)).ok for form in candidates}
        best = max(reads, key=lambda form: int(reads[form].sum()), default=None)
        if best is None or not reads[best].any() or (chosen and best.part != chosen[0].part):
            break
        chosen.append(best)
        left = left.filter(pa.array(~reads[best]))
        candidates = list(dict.fromkeys(map(with_abbreviation, _guess_all(left))))
    if not chosen or (len(chosen) < 2 and "%Z" not in chosen[0].text):
        return None
    form = TimestampFormat(chosen[0].text, chosen[0].part, tuple(other.text for other in chosen[1:]))
    return read_texts((column,), column.texts, column.missing, form)


def read_texts(
    columns: tuple[Column, ...], texts: pa.StringArray, missing: Flags, form: TimestampFormat
) -> TimestampColumn | None:
    """Read the texts of columns by a format; None if it does not read enough of them."""
    counts = find_count_base(form.text) is not None
    decimal = "," if counts and pc.any(pc.match_substring(texts, ",")).as_py() else "."
    parsed = parse_stamps(
        texts, *(compile_format(text, form.part, decimal) for text in (form.text, *form.also))
    )
    ok = parsed.ok & ~missing & (parsed.wall >= _FIRST_NS) & (parsed.wall < _LAST_NS)
    filled = len(ok) - int(missing.sum())
    if not filled or ok.sum() < _ENOUGH * filled:
        return None
    return TimestampColumn(columns, form, parsed.wall, bool(parsed.exact[ok].all()), ok)


def regularity(read: TimestampColumn) -> float:
    """Return the share of the most frequent step among all steps, rounded to percent."""
    steps = np.diff(np.unique(read.wall[read.ok]))
    return round(most_frequent(steps)[1], 2) if len(steps) else 0.0


def _mean_step(read: TimestampColumn) -> float:
    """Return the mean distance of timestamps in ns: days in a row are likelier than the same day of each month."""
    stamps = np.unique(read.wall[read.ok])
    return float(stamps[-1] - stamps[0]) / max(len(stamps) - 1, 1) if len(stamps) else 0.0


def _day_first(form: str) -> bool | None:
    day, month, year = (form.find(directive) for directive in ("%d", "%m", "%y"))
    year = max(year, form.find("%Y"))
    return None if min(day, month) < 0 or 0 <= year < min(day, month) else day < month
