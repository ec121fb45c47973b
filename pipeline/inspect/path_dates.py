"""Finds dates and times in the paths of files: issue times, or the day of rows whose column holds only a time of day."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from hindcast.pipeline.arrays import Times
from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.file_kinds import FileFormat
from hindcast.pipeline.inspect.format_guess import TimestampFormat
from hindcast.pipeline.inspect.joined_columns import find_timestamp_columns
from hindcast.pipeline.inspect.timestamp_columns import TimestampColumn
from hindcast.pipeline.inspect.vocabulary import parse_heading
from hindcast.pipeline.raw.timestamp_formats import compile_format
from hindcast.pipeline.raw.timestamps import parse_stamps

_DATES = ((r"\d{8}", "%Y%m%d"), *((rf"\d{{4}}{s}\d{{2}}{s}\d{{2}}", f"%Y{s}%m{s}%d") for s in "-_/"))
_CLOCKS = ((r"\d{6}", "%H%M%S"), (r"\d{4}", "%H%M"), (r"\d{2}-\d{2}", "%H-%M"), (r"\d{2}", "%H"))
_JOINTS = ("_", "T", "-", "", " ", "/")  # between date and time of day
_DATE = re.compile(r"(?<!\d)(?:19|20)\d{2}([-_]?)\d{2}\1\d{2}(?!\d)")
_VERSION = re.compile(
    r"(?i)(?<![a-z])(?:v|ver|version|pub|publ|published|updated|asof|as[_-]of|rev)[_-]?(?:19|20)\d{2}[-_]?\d{2}"
)
_NO_COLUMN = -1  # the column number of texts that are in paths

PathTimes = tuple[str, str, list[str], Times]
"""A pattern with a group around the time, the format of the time, and for each path the text and the time found."""


def find_stamps(fmt: FileFormat) -> list[TimestampColumn]:
    """Return the timestamp columns; if no column holds a whole timestamp, the day in the paths with a column of times."""
    found = find_timestamp_columns(fmt.columns, fmt.refused, fmt.dialect.since)
    if found:
        return found
    in_paths = next(times_in_paths(fmt.paths, least=1, clocks=False), None)
    if in_paths is None:
        return []
    pattern, _, texts, _ = in_paths
    rows = pa.array(texts, pa.string()).take(pa.array(fmt.file))
    days = Column(
        _NO_COLUMN, parse_heading("date"), rows, "text", np.full(len(rows), np.nan), np.zeros(len(rows), np.bool_)
    )  # fmt: skip
    (joined,) = find_timestamp_columns([days, *fmt.columns], fmt.refused) or (None,)
    if joined is None:
        return []
    columns = tuple(column for column in joined.columns if column.place != _NO_COLUMN)
    return [replace(joined, columns=columns, path=pattern)] if columns or joined.period else []


def find_days_in_paths(fmt: FileFormat) -> list[TimestampColumn]:
    """Return the days that the paths hold, of files whose headings hold the time of day; empty if a path has none."""
    found = next(times_in_paths(fmt.paths, least=1, clocks=False), None)
    if found is None:
        return []
    pattern, form, _, stamps = found
    ok = np.ones(len(fmt.file), np.bool_)
    return [TimestampColumn((), TimestampFormat(form), stamps[fmt.file], exact=False, ok=ok, path=pattern)]


def name_publications(paths: Sequence[str]) -> bool:
    """Return whether names end in a third date, after those of a period, or in a date that a word calls a version."""
    name = paths[0].rsplit("/", 1)[-1] if paths else ""
    return len(_DATE.findall(name)) > 2 or _VERSION.search(name) is not None


def times_in_paths(paths: Sequence[str], *, least: int, clocks: bool = True) -> Iterator[PathTimes]:
    """Yield each way to read a time from all paths, the longest first, if at least `least` times differ.

    If paths have several dates, the first one comes before the last one.
    """
    behind = [(f"{sign}{clock}", f"{sign}{form}") for clock, form in _CLOCKS for sign in _JOINTS]
    for clock, clock_form in [*(behind if clocks else ()), ("", "")]:
        for date, date_form in _DATES:
            first = rf"(?<!\d)({date}{clock})(?!\d)"
            found = len(re.findall(first, paths[0])) if paths else 0
            for pattern in (first, f"^.*{first}")[: min(found, 2)]:
                matches = [re.search(pattern, path) for path in paths]
                texts = [match[1] for match in matches if match]
                if len(texts) < len(paths) or len(set(texts)) < least:
                    continue
                form = f"{date_form}{clock_form}"
                parsed = parse_stamps(pa.array(texts, pa.string()), compile_format(form))
                if parsed.ok.all():
                    yield pattern, form, texts, parsed.wall
