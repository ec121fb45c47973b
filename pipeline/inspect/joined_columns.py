"""Joins dates with what other columns say of the time: hours, times of day, step numbers, or parts of the date."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from hindcast.pipeline.inspect.column_types import Column, most_frequent
from hindcast.pipeline.inspect.format_guess import TimestampFormat, guess_clock_formats
from hindcast.pipeline.inspect.timestamp_columns import (
    PERIODS,
    Period,
    TimestampColumn,
    choose_reading,
    read_column,
    read_texts,
    read_usual_counts,
    regularity,
)
from hindcast.pipeline.inspect.vocabulary import LEAD, words_in
from hindcast.pipeline.settings.base import HOUR

_COMPLETE = 0.8  # share of the days, and of the numbers of each, that a column of steps has
_ALIKE = 0.9  # share of rows; on days of clock changes, numbers of steps and times of day differ


def find_timestamp_columns(
    columns: Sequence[Column], refused: Collection[str] = (), since: str | None = None
) -> list[TimestampColumn]:
    """Return all timestamp columns in the order of the file; a column of dates and its column of hours are combined.

    `refused` are beginnings of formats that other files of the same kind contradict; `since` is the unit of counts that the
    lines above the rows name.
    """
    read = (read_column(column, refused, since) for column in columns)
    single = [found for found in read if found is not None]
    if not single:
        joined = _join_calendar_columns(columns) or read_usual_counts(columns)
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
    leading = max(certain or ordered, key=lambda column: (regularity(column), len(column.columns)))
    return [column.with_order(day_first=leading.day_first, certain=bool(certain)) for column in found]


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
        reads = [read_texts((dates.columns[0], clocks), joined, missing, each) for each in both]
        found = [replace(read, exact=False, hours_to_24=clock.to_24) for read in reads if read is not None]
        if found:
            return choose_reading(found)
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
    return read_texts(chosen, texts, missing, TimestampFormat(" ".join(named)))
