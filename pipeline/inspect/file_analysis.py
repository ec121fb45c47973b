"""Analyses the files of one format on their own: times, zone, keys, values and their roles."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pyarrow as pa

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN, Times
from hindcast.pipeline.inspect.column_types import Column
from hindcast.pipeline.inspect.file_kinds import FileFormat
from hindcast.pipeline.inspect.format_guess import TimestampFormat
from hindcast.pipeline.inspect.hour_columns import melt_hour_columns
from hindcast.pipeline.inspect.key_columns import KeyColumns, find_key_columns
from hindcast.pipeline.inspect.path_dates import PathTimes, name_publications, times_in_paths
from hindcast.pipeline.inspect.stacked_tables import about_tables
from hindcast.pipeline.inspect.time_roles import TimeColumns, find_time_columns
from hindcast.pipeline.inspect.timestamp_columns import TimestampColumn, usual_step
from hindcast.pipeline.inspect.timezone_evidence import ZoneGuess, guess_zone
from hindcast.pipeline.inspect.total_rows import leave_out_totals
from hindcast.pipeline.inspect.vocabulary import parse_heading, role_from_path
from hindcast.pipeline.settings.base import DAY

_MOST_REASONS = 5  # excluded columns listed in one sentence
_MOST_COLUMNS = 8  # columns listed in one sentence
_LONGEST_TEXT = 30  # letters of a text in a sentence
_LIKE_A_TIME = re.compile(r"\d{4}|\d\d?[-/. :]\d\d?|[A-Za-z]{3,} ?\d|\d ?[A-Za-z]{3,}")
_KNOWN_FORMATS = (
    "Known formats are ISO 8601 (2024-03-01T00:00Z), dates in digits or with English months (01.03.2024 00:00, 3/1/24 "
    "1:00 PM, 01-Mar-2024), compact dates (20240301, 2024030100) and counts since 1970; a time of day may be "
    "in its own column, and a date in the names of files or in headings. For another format, write the settings by "
    "hand: `format` of valid_time may be any strptime pattern"
)
_LEAST_ISSUES = 3
_MOST = 0.95  # share of issues whose first valid time must be near the issue time
_LATEST = 400 * DAY  # after the last row of a file
_OVERLAP = 0.2  # share of the shorter span; consecutive files may overlap by less

Span = tuple[int, int]
"""First and last time in ns, both inclusive."""


@dataclass(frozen=True, eq=False)
class AnalysedFiles:
    """The files of one format, analysed without the other files.

    `spans` are the issue times (valid times if there are none) of each file, `steps` its usual step in ns.
    """

    format: FileFormat
    times: TimeColumns
    keys: KeyColumns
    zone: ZoneGuess
    spans: tuple[Span, ...]
    steps: tuple[int, ...]
    source: FileFormat
    """The format before its columns were reshaped."""

    @property
    def has_vintages(self) -> bool:
        """Whether rows have an issue time."""
        return self.times.issue is not None

    @cached_property
    def path_role(self) -> str | None:
        """The role that the text which selects the rows indicates, else the names of all files, if they agree."""
        if self.format.where is not None and (role := parse_heading(self.format.where[1]).role):
            return role
        roles = {role_from_path(path) for path in self.format.paths}
        return roles.pop() if len(roles) == 1 else None


def analyse_files(fmt: FileFormat) -> AnalysedFiles | str:
    """Analyse the files of one format; returns a sentence if they cannot be a source."""
    source = fmt
    fmt = melt_hour_columns(leave_out_totals(fmt))
    where = fmt.paths[0] + (f" and {len(fmt.paths) - 1} like it" if len(fmt.paths) > 1 else "")
    times = find_time_columns(fmt)
    if times is None:
        return (
            f"{where}: no column, heading or file name contains a timestamp that can be read. The first "
            f"texts of its columns are {_first_texts(fmt.columns)}. {_KNOWN_FORMATS}"
        )
    times = add_publication_from_paths(fmt, add_issue_from_paths(fmt, times))
    keys = find_key_columns(fmt, times)
    if not keys.value_columns:
        notes = "".join(f" ({note})" for note in fmt.dialect.notes)
        reasons = list(keys.excluded.items())[:_MOST_REASONS]
        excluded = "".join(f"; {name!r} is excluded: it {why}" for name, why in reasons)
        return (
            f"{where}: no column contains values, only timestamps and names; the columns are "
            f"{_list_columns(fmt.columns)}{excluded}.{notes}"
        )
    tables = about_tables(fmt, times, keys)
    if tables is not None:
        return tables
    zone = guess_zone(fmt, times, keys.value_columns)
    spans, steps = [], []
    for file in range(len(fmt.files)):
        rows = fmt.rows_of(file)
        ok = times.ok[rows]
        stamps = times.stamps[rows][ok]
        spans.append((int(stamps.min()), int(stamps.max())) if len(stamps) else (0, -1))
        steps.append(usual_step(times.wall[rows][ok]))
    return AnalysedFiles(fmt, times, keys, zone, tuple(spans), tuple(steps), source)


def spans_overlap(first: Span, second: Span) -> bool:
    """Return whether two spans share more than a fifth of the shorter one."""
    shared = min(first[1], second[1]) - max(first[0], second[0])
    shorter = min(first[1] - first[0], second[1] - second[0])
    return shared >= 0 and shared >= _OVERLAP * shorter


def move_together(first: Column, second: Column) -> bool:
    """Return whether two columns are correlated and of similar size, as series of one quantity are."""
    both = ~np.isnan(first.numbers) & ~np.isnan(second.numbers)
    left, right = first.numbers[both], second.numbers[both]
    if len(left) < 10 or not left.std() or not right.std():
        return False
    small, large = sorted([float(np.abs(left).mean()), float(np.abs(right).mean())])
    return float(np.corrcoef(left, right)[0, 1]) > 0.3 and large < 300 * max(small, 1e-12)


def add_issue_from_paths(fmt: FileFormat, times: TimeColumns) -> TimeColumns:
    """Add the issue time from the files' names to the times; unchanged if the names contain none."""
    if times.valid is None or times.issue is not None or len(fmt.files) < _LEAST_ISSUES:
        return times
    if all(role_from_path(path) == "realized" for path in fmt.paths) or name_publications(fmt.paths):
        return times
    ways = times_in_paths(fmt.paths, least=_LEAST_ISSUES) if times.main.path is None else ()
    found = next((way for way in ways if _are_issues(way[3], fmt, times)), None)
    return times if found is None else replace(times, issue=_of_paths(found, fmt))


def add_publication_from_paths(fmt: FileFormat, times: TimeColumns) -> TimeColumns:
    """Add the time of publication from the files' names, of files that overlap and end before it: revisions of values."""
    if times.issue is not None or times.published is not None or len(fmt.files) < _LEAST_ISSUES:
        return times
    if all(role_from_path(path) == "forecast" for path in fmt.paths):
        return times
    ways = times_in_paths(fmt.paths, least=_LEAST_ISSUES) if times.main.path is None else ()
    # a publication is the last of several dates
    found = next(
        (way for way in sorted(ways, key=_by_length_and_place) if _are_publications(way[3], fmt, times)), None
    )
    return times if found is None else replace(times, published=_of_paths(found, fmt))


def _by_length_and_place(way: PathTimes) -> tuple[int, bool]:
    return -len(way[1]), not way[0].startswith("^")


def _of_paths(found: PathTimes, fmt: FileFormat) -> TimestampColumn:
    pattern, form, _, stamps = found
    ok = np.ones(len(fmt.file), np.bool_)
    return TimestampColumn((), TimestampFormat(form), stamps[fmt.file], exact=False, ok=ok, path=pattern)


def _first_texts(columns: tuple[Column, ...]) -> str:
    """Return each heading with its first text; a text that begins like a date or ends like a time is marked."""
    texts = []
    for column in columns[:_MOST_COLUMNS]:
        filled = column.texts.filter(pa.array(~column.missing))
        first = filled[0].as_py()[:_LONGEST_TEXT] if len(filled) else ""
        close = " (close to a date or time)" if column.kind == "text" and _LIKE_A_TIME.search(first) else ""
        texts.append(f"{column.name!r}: {first!r}{close}")
    return ", ".join(texts) + (", ..." if len(columns) > _MOST_COLUMNS else "")


def _list_columns(columns: tuple[Column, ...]) -> str:
    names = [f"{column.name!r} ({column.kind})" for column in columns[:_MOST_COLUMNS]]
    return ", ".join(names) + (", ..." if len(columns) > _MOST_COLUMNS else "")


def _are_issues(stamps: Times, fmt: FileFormat, times: TimeColumns) -> bool:
    """Return whether valid times begin near the time in the path and extend past it, and most files overlap the next."""
    issues, first, last = _spans_of_stamps(stamps, fmt, times)
    if len(issues) < _LEAST_ISSUES:
        return False
    near = (first - issues >= -DAY) & (first - issues <= 10 * DAY) & (first + (last - first) // 2 >= issues)
    return bool(near.mean() >= _MOST) and _overlap_the_next(first, last)


def _are_publications(stamps: Times, fmt: FileFormat, times: TimeColumns) -> bool:
    """Return whether valid times end before the end of the day in the path, and most files overlap the next."""
    issues, first, last = _spans_of_stamps(stamps, fmt, times)
    if len(issues) < _LEAST_ISSUES:
        return False
    after = (last < issues + DAY) & (issues - last <= _LATEST)
    return bool(after.mean() >= _MOST) and _overlap_the_next(first, last)


def _overlap_the_next(first: Times, last: Times) -> bool:
    shared = np.minimum(last[:-1], last[1:]) - np.maximum(first[:-1], first[1:])
    shorter = np.minimum(last[:-1] - first[:-1], last[1:] - first[1:])
    return bool((shared > _OVERLAP * shorter).mean() > 1 / 2)


def _spans_of_stamps(stamps: Times, fmt: FileFormat, times: TimeColumns) -> tuple[Times, Times, Times]:
    """Return the times in the paths, and the first and last valid times of their files."""
    issues = np.unique(stamps)
    first, last = np.full(len(issues), TIME_MAX), np.full(len(issues), TIME_MIN)
    places = np.searchsorted(issues, stamps[fmt.file[times.ok]])
    np.minimum.at(first, places, times.wall[times.ok])
    np.maximum.at(last, places, times.wall[times.ok])
    filled = first <= last
    return issues[filled], first[filled], last[filled]
