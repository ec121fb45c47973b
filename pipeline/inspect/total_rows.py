"""Finds rows of totals among rows with the start and the end of each step, and the pattern of their lines."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pyarrow as pa

from hindcast.pipeline.arrays import Flags
from hindcast.pipeline.inspect.column_types import Column, classify_columns, most_frequent
from hindcast.pipeline.inspect.file_kinds import FileFormat
from hindcast.pipeline.inspect.heading_patterns import escape_pattern
from hindcast.pipeline.inspect.joined_columns import find_timestamp_columns
from hindcast.pipeline.inspect.path_dates import find_stamps
from hindcast.pipeline.inspect.timestamp_columns import TimestampColumn, usual_step
from hindcast.pipeline.settings.base import HOUR

_MOST_TOTALS = 0.1  # share of the rows; more are no exception
_FIRST_ROWS = 500  # that show whether two columns hold timestamps
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2})?\D*$")


def leave_out_totals(fmt: FileFormat) -> FileFormat:
    """Return the format without rows whose end is many steps behind their start, with the pattern of their lines.

    It is unchanged if there are none, or if no simple pattern matches exactly their lines.
    """
    if (
        len(find_timestamp_columns([_first_rows(column) for column in fmt.columns], since=fmt.dialect.since))
        < 2
    ):
        return fmt  # without reading all timestamps of the files
    found = find_stamps(fmt)
    for start, end in ((start, end) for start in found for end in found if start is not end):
        totals = _find_totals(start, end)
        if totals is None:
            continue
        pattern = _pattern_of_lines(fmt, start, end, totals)
        if pattern is not None:
            return _without_rows(fmt, totals, pattern)
    return fmt


def _first_rows(column: Column) -> Column:
    first = slice(0, _FIRST_ROWS)
    return replace(
        column, texts=column.texts[first], numbers=column.numbers[first], missing=column.missing[first]
    )


def _find_totals(start: TimestampColumn, end: TimestampColumn) -> Flags | None:
    """Return the rows that span several steps, while all others span one; None if there are none."""
    both = start.ok & end.ok
    gaps = end.wall - start.wall
    step, share = most_frequent(gaps[both]) if both.any() else (0, 0.0)
    if not 1 - _MOST_TOTALS <= share < 1 or step <= 0 or step != usual_step(start.wall[both]):
        return None
    changes = np.abs(gaps - step) == HOUR  # a step in which clocks change
    longer: Flags = both & (gaps > step) & ~changes
    return longer if longer.any() and not (both & (gaps != step) & ~changes & ~longer).any() else None


def _pattern_of_lines(
    fmt: FileFormat, start: TimestampColumn, end: TimestampColumn, totals: Flags
) -> str | None:
    """Return an expression for the lines of these rows and of no others: the times of day of both cells, on any date."""
    if len(start.columns) != 1 or len(end.columns) != 1 or start.place > end.place:
        return None
    row = int(np.flatnonzero(totals)[0])
    shapes = [_shape_of(column.texts[row].as_py()) for column in (*start.columns, *end.columns)]
    if None in shapes:
        return None
    separator = escape_pattern(fmt.dialect.separator)
    cell, quote = f"[^{separator}]*{separator}", f"{escape_pattern(fmt.dialect.quote)}?"
    between = f"{quote}{separator}{cell * (end.place - start.place - 1)}{quote}"
    pattern = f"^{cell * start.place}{quote}{shapes[0]}{between}{shapes[1]}{quote}(?:{separator}|$)"
    texts = [column.texts.to_pylist() for column in fmt.columns[: end.place + 1]]
    lines = (fmt.dialect.separator.join(cells) for cells in zip(*texts, strict=True))
    matches = np.array([re.search(pattern, line) is not None for line in lines], np.bool_)
    return pattern if np.array_equal(matches, totals) else None


def _shape_of(text: str) -> str | None:
    clock = _CLOCK.search(text)
    if clock is None:
        return None
    return re.sub(r"\d+", r"\\d+", escape_pattern(text[: clock.start()])) + escape_pattern(clock[0])


def _without_rows(fmt: FileFormat, left_out: Flags, pattern: str) -> FileFormat:
    kept = pa.array(~left_out)
    named = ((column.name, column.texts.filter(kept)) for column in fmt.columns)
    row = int(np.flatnonzero(left_out)[0])
    example = fmt.dialect.separator.join(column.texts[row].as_py() for column in fmt.columns)
    note = (
        f"{int(left_out.sum())} rows span several steps, such as {example!r} in {fmt.paths[fmt.file[row]]}; they look "
        "like totals, so they are ignored"
    )
    dialect = replace(fmt.dialect, ignore=(*fmt.dialect.ignore, pattern), notes=(*fmt.dialect.notes, note))
    return replace(
        fmt, dialect=dialect, columns=classify_columns(named, fmt.dialect.style), file=fmt.file[~left_out],
        piece=fmt.piece[~left_out],
    )  # fmt: skip
