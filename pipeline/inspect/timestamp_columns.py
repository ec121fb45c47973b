"""Finds columns of timestamps: the format that reads them, and other formats that also read them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.inspect.column_types import Column, most_frequent
from hindcast.pipeline.inspect.count_guess import count_format, usual_counts
from hindcast.pipeline.inspect.format_guess import (
    TimestampFormat,
    guess_clock_formats,
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
_COMPLETE = 0.8  # share of the days, and of the numbers of each, that a column of steps has
_ALIKE = 0.9  # share of rows; on days of clock changes, numbers of steps and times of day differ
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


def find_timestamp_columns(
    columns: Sequence[Column], refused: Collection[str] = (), since: str | None = None
) -> list[TimestampColumn]:
    """Return all timestamp columns in the order of the file; a column of dates and its column of hours are combined.

    `refused` are beginnings of formats that other files of the same kind contradict; `since` is the unit of counts that the
    lines above the rows name.
    """
    read = (_read_column(column, refused, since) for column in columns)
    single = [found for found in read if found is not None]
    if not single:
        joined = _join_calendar_columns(columns) or _read_usual_counts(columns)
        return [joined] if joined else []
    taken = {column.place for found in single for column in found.columns}
    others = [column for column in columns if column.place not in taken]
    return agree_on_order([_join_hours(found, others) for found in single])


def agree_on_order(found: Sequence[TimestampColumn]) -> list[TimestampColumn]:
    """Return the columns with one order of day and month: that of a column that has no rival, else of the most regular one."""
    ordered = [column for column in found if column.day_first is not None]
    certain = [column for column in ordered if column.swapped is None]
    if len({column.day_first for column in ordered}) < 2:
        return list(found)
    leading = max(certain or ordered, key=lambda column: (_regularity(column), len(column.columns)))
    return [column.with_order(day_first=leading.day_first, certain=bool(certain)) for column in found]


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


def _read_column(column: Column, refused: Collection[str], since: str | None) -> TimestampColumn | None:
    if column.kind == "empty":
        return None
    counted = count_format(column, since)
    if counted is not None:
        return _read((column,), column.texts, column.missing, TimestampFormat(counted))
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


def _read_usual_counts(columns: Sequence[Column]) -> TimestampColumn | None:
    """Read the first column of counts in a usual unit, although no text names it."""
    for column in columns:
        found = (
            _read((column,), column.texts, column.missing, TimestampFormat(form))
            for form in usual_counts(column)
        )
        reads = [read for read in found if read is not None]
        if reads:
            return replace(reads[0], unproven=True, rivals=tuple(read.form.text for read in reads[1:]))
    return None


def _read_serials(column: Column) -> TimestampColumn | None:
    """Read days since 1899-12-30, as Excel counts them, if the heading names a time and they are whole minutes."""
    numbers = column.numbers[~np.isnan(column.numbers)]
    named = column.heading.has(TIME | ISSUE | VALID | START | END) and not column.heading.has(LEAD)
    if not named or not len(numbers) or numbers.min() < _FIRST_SERIAL or numbers.max() > _LAST_SERIAL:
        return None
    minutes = numbers * 1440
    whole = np.unique(np.rint(minutes))
    if column.heading.quantity or (np.abs(minutes - np.rint(minutes)) > _ROUNDED_MINUTES).any():
        return None
    if len(whole) < 2 or most_frequent(np.diff(whole))[1] < _REGULAR:
        return None  # numbers of another kind that lie in the same range
    return _read((column,), column.texts, column.missing, TimestampFormat("excel"))


def _choose_format(column: Column, formats: Sequence[TimestampFormat]) -> TimestampColumn | None:
    """Return a format that reads enough texts; among several, the one that gives the most regular steps."""
    attempts = (_read((column,), column.texts, column.missing, form) for form in formats)
    found = [read for read in attempts if read is not None]
    if not found:
        return _combine_formats(column, formats)
    best = _best_read(found)
    if not (best.ok | column.missing).all():
        # a few timestamps may be written differently, such as in a repeated hour
        combined = _combine_formats(column, [best.form])
        if combined and combined.ok.sum() > best.ok.sum():
            return combined
    return best


def _best_read(found: Sequence[TimestampColumn]) -> TimestampColumn:
    """Return the reading of most texts, among several the most regular and dense one, with its rivals."""
    best = max(
        found,
        key=lambda read: (
            round(float(read.ok.sum()) / len(read.ok), 2),
            _regularity(read),
            -_mean_step(read),
        ),
    )
    least = 0.9 * _regularity(best)
    equal = [read for read in found if read is not best and read.ok.sum() == best.ok.sum()]
    rivals = [read for read in equal if _regularity(read) >= least]
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
    return _read((column,), column.texts, column.missing, form)


def _read(
    columns: tuple[Column, ...], texts: pa.StringArray, missing: Flags, form: TimestampFormat
) -> TimestampColumn | None:
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


def _regularity(read: TimestampColumn) -> float:
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


def _join_hours(dates: TimestampColumn, others: Sequence[Column]) -> TimestampColumn:
    """Join dates with the column that contains their hours or times of day; unchanged if there is none."""
    if dates.form.part or not dates.daily or ("%" not in dates.form.text and dates.form.text != "iso"):
        return dates
    repeats = len(np.unique(dates.wall[dates.ok])) * 2 <= int(dates.ok.sum())
    # a time of day can be joined only to dates that have none
    form = "%Y-%m-%d" if dates.form.text == "iso" else dates.form.text
    if not repeats or "%H" in form:
        return dates
    texts_first = sorted(others, key=lambda column: column.kind == "number")  # numbers may count rows
    clock = next(filter(None, (_join_clock(dates, form, column) for column in texts_first)), None)
    for period in filter(None, (_find_period(column, dates) for column in others)):
        numbered = _join_period(dates, period)
        # the times of day of another column show whether the numbers count steps or lines
        if clock is None or period.column in clock.columns or _run_alike(numbered, clock):
            return numbered
    return dates if clock is None else clock


def _join_period(dates: TimestampColumn, period: Period) -> TimestampColumn:
    numbers = period.column.numbers
    steps = ((np.nan_to_num(numbers, nan=period.first) - period.first) * period.length).astype(np.int64)
    return replace(dates, wall=dates.wall + steps, ok=dates.ok & ~np.isnan(numbers), period=period)


def _run_alike(first: TimestampColumn, second: TimestampColumn) -> bool:
    """Return whether two readings differ by one length in most rows, such as by the step that one of them ends."""
    both = first.ok & second.ok
    return bool(both.any()) and most_frequent(first.wall[both] - second.wall[both])[1] >= _ALIKE


def _join_clock(dates: TimestampColumn, form: str, clocks: Column) -> TimestampColumn | None:
    """Join dates with a column of times of day, in the order of day and month that gives the most regular times."""
    joined = pc.binary_join_element_wise(dates.columns[0].texts, clocks.texts, pa.scalar(" "))
    missing = dates.columns[0].missing | clocks.missing
    orders = [form, *([dates.swapped.form.text] if dates.swapped else [])]
    for clock in guess_clock_formats(clocks):
        both = [TimestampFormat(f"{order} {clock.text}", clock.part) for order in orders]
        reads = [_read((dates.columns[0], clocks), joined, missing, each) for each in both]
        found = [replace(read, exact=False, hours_to_24=clock.to_24) for read in reads if read is not None]
        if found:
            return _best_read(found)
    return None


def _find_period(column: Column, days: TimestampColumn) -> Period | None:
    """Find step numbers in each day: half hours to 48, quarter hours to 96, hours only if some day has 23 or 25.

    They count from 1, or from 0 for steps shorter than an hour.
    """
    if column.kind != "number" or not column.is_whole or words_in(column.name) & LEAD:
        return None
    rows = days.ok & ~np.isnan(column.numbers)
    numbers = column.numbers[rows]
    if not rows.any() or numbers.min() not in (0, 1) or numbers.max() > max(PERIODS):
        return None
    frame = pd.DataFrame({"day": days.wall[rows], "number": numbers})
    first = int(frame["number"].min())
    lasts = frame.groupby("day")["number"].max() + 1 - first
    usual = int(lasts.mode().iloc[0])
    complete = (frame.groupby("day")["number"].nunique() >= _COMPLETE * lasts).mean() >= _COMPLETE
    length = PERIODS.get(usual)
    if length is None or (length == HOUR and first != 1) or not complete:
        return None
    if frame["number"].nunique() < lasts.max() or lasts.max() > usual + HOUR // length:
        return None  # it counts rows over several days
    begins = frame.loc[frame["day"] == lasts.index[0], "number"].min() == first
    inner = lasts.iloc[0 if begins else 1 : -1]  # others may be incomplete
    if usual == 24 and not any(int(last) == 25 for last in lasts) and not (inner == 23).any():
        return None  # hours 1 to 24 may be clock hours
    return Period(column, length, first)


def _join_calendar_columns(columns: Sequence[Column]) -> TimestampColumn | None:
    """Join year, month, day and possibly hour and minute, each in its own column."""
    numbers = [column for column in columns if column.kind == "number"]
    named: dict[str, Column] = {}
    for word, directive in (("year", "%Y"), ("month", "%m"), ("day", "%d"), ("hour", "%H"), ("minute", "%M")):
        column = next((column for column in numbers if column.heading.has(frozenset({word}))), None)
        if column is not None:
            named[directive] = column
    if not {"%Y", "%m", "%d"} <= named.keys():
        return None
    chosen = tuple(named.values())
    texts = pc.binary_join_element_wise(*(column.texts for column in chosen), pa.scalar(" "))
    missing = np.logical_or.reduce([column.missing for column in chosen])
    return _read(chosen, texts, missing, TimestampFormat(" ".join(named)))
