"""Finds the role of each timestamp column (valid time, issue time, publication time, end of a step), and leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times
from hindcast.pipeline.inspect.column_types import Column, count_codes, encode, encode_tuples, most_frequent
from hindcast.pipeline.inspect.file_kinds import FileFormat
from hindcast.pipeline.inspect.path_dates import find_stamps
from hindcast.pipeline.inspect.timestamp_columns import TimestampColumn, usual_step
from hindcast.pipeline.inspect.vocabulary import (
    END,
    FORECAST,
    GROUP,
    ISSUE,
    LEAD,
    LEAD_UNITS,
    MEMBER,
    PUBLISHED,
    SERIES,
    START,
    VALID,
    is_day_ahead,
    names_quantity,
    words_in,
)
from hindcast.pipeline.settings.base import DAY, HOUR, TIME_UNITS

_ALMOST = 0.97
STEP_ENDS = "is the end of the step that begins at"
"""The beginning of the reason why a column of ends is not used."""


@dataclass(frozen=True, eq=False)
class TimeColumns:
    """The time columns of one file format.

    `wall` (rows,) is the valid time of each row in ns as written in the files (UTC where `exact`), undefined
    where not `ok`; `excluded` are timestamp columns that are not used, with the reason.
    """

    valid: TimestampColumn | None
    issue: TimestampColumn | None
    published: TimestampColumn | None
    excluded: dict[str, str]
    wall: Times
    ok: Flags
    issue_is_certain: bool = True
    lead: Column | None = None
    lead_unit: str = "h"
    lead_is_certain: bool = True
    late_issue: TimestampColumn | None = None
    """A column whose heading names an issue time, but with times after the valid time of too many rows."""

    @property
    def main(self) -> TimestampColumn:
        """The column that has the file's zone and format: the valid time, or the issue time from which it is computed."""
        main = self.valid or self.issue
        assert main is not None  # find_time_columns returns None without one
        return main

    @property
    def exact(self) -> bool:
        """Whether the valid time is already UTC."""
        return self.main.exact

    @property
    def places(self) -> set[int]:
        """The indices of columns that contain times or leads."""
        used = [found for found in (self.valid, self.issue, self.published) if found]
        places = {column.place for found in used for column in found.columns}
        places |= {found.period.column.place for found in used if found.period}
        return places | ({self.lead.place} if self.lead else set())

    @property
    def ends_step(self) -> bool:
        """Whether the timestamp marks the end of its step, according to its heading or an hour of 24."""
        if self.valid is None or self.valid.form.part or self.valid.period:
            return False
        words = frozenset().union(*(words_in(column.name) for column in self.valid.columns))
        return self.valid.hours_to_24 or bool(words & END and not words & START)

    @property
    def stamps(self) -> Times:
        """The issue times of all rows, or the valid times if there are no issue times."""
        return self.issue.wall if self.issue is not None else self.wall

    @property
    def leads(self) -> Ints:
        """Valid time minus issue time in ns, for the rows that have both."""
        return (self.wall - self.stamps)[self.ok]


def find_time_columns(fmt: FileFormat) -> TimeColumns | None:
    """Find the time columns and their roles; None if no column contains timestamps."""
    found = find_stamps(fmt)
    if not found:
        return None
    times = _without_leads(fmt, _assign_roles(found))
    lead = _find_lead(fmt, times.main) if times.issue is None else None
    return _with_lead(fmt, times, lead) if lead is not None else times


def _without_leads(fmt: FileFormat, times: TimeColumns) -> TimeColumns:
    """Exclude columns of leads beside both times, from which they follow."""
    if times.issue is None:
        return times
    leads = (times.wall - times.issue.wall)[times.ok]
    for column in fmt.columns:
        if column.place in times.places or not column.heading.has(LEAD) or not column.is_whole:
            continue
        numbers = column.numbers[times.ok]
        gaps, numbers = np.diff(leads.astype(np.float64)), np.diff(numbers)
        moves = numbers != 0
        if moves.any() and len(np.unique(gaps[moves] / numbers[moves])) == 1 and not gaps[~moves].any():
            times.excluded[column.name] = "is the lead, which follows from the two times"
    return times


def _with_lead(fmt: FileFormat, times: TimeColumns, lead: Column) -> TimeColumns:
    """Return the times of files with a lead and one timestamp, the valid or issue time; the lead gives the other one."""
    unit, certain = _lead_unit(lead)
    found, ns = times.main, np.rint(np.nan_to_num(lead.numbers) * TIME_UNITS[unit])
    possible = np.abs(ns) < 400 * DAY
    leads = np.where(possible, ns, 0).astype(np.int64)
    ok = found.ok & ~np.isnan(lead.numbers) & possible
    times = replace(times, lead=lead, lead_unit=unit, lead_is_certain=certain)
    if _is_valid_time(fmt, found, lead, unit):
        issue = replace(found, columns=(), wall=found.wall - leads, ok=ok)
        return replace(times, issue=issue, ok=ok)
    return replace(times, valid=None, issue=found, wall=found.wall + np.where(ok, leads, 0), ok=ok)


def _is_valid_time(fmt: FileFormat, found: TimestampColumn, lead: Column, unit: str) -> bool:
    """Return whether the timestamp next to a lead is the valid time, by its heading or because it rises with the lead."""
    if found.words & (ISSUE | PUBLISHED):
        return False
    if found.words & VALID:
        return True
    near = fmt.neighbours(found.ok)
    steps, leads = np.diff(found.wall)[near], np.diff(lead.numbers)[near] * TIME_UNITS[unit]
    moves = leads > 0
    return bool(moves.any() and (steps[moves] == leads[moves]).mean() > _ALMOST)


def _drop_duplicates(found: list[TimestampColumn], excluded: dict[str, str]) -> list[TimestampColumn]:
    """If two columns contain the same times in different zones, keep the column in UTC, else the first."""
    kept: list[TimestampColumn] = []
    for column in sorted(found, key=lambda each: (not _is_utc(each), each.place)):
        twin = next((other for other in kept if _are_same_times(column, other)), None)
        if twin is None:
            kept.append(column)
        else:
            excluded[column.name] = f"contains the same times as {twin.name}"
    return sorted(kept, key=lambda each: each.place)


def _is_utc(found: TimestampColumn) -> bool:
    return bool(found.words & {"utc", "gmt", "z"})


def _are_same_times(first: TimestampColumn, second: TimestampColumn) -> bool:
    if (first.words | second.words) & (ISSUE | PUBLISHED | END | VALID):
        return False
    both = first.ok & second.ok
    gap = np.unique(first.wall[both] - second.wall[both])
    equal = len(gap) == 1 and gap[0] == 0
    if first.exact and second.exact:
        return equal
    whole_quarters = bool((gap % (HOUR // 4) == 0).all())
    in_zones = len(gap) <= 3 and bool((np.abs(gap) <= 14 * HOUR).all()) and whole_quarters
    named = _is_utc(first) != _is_utc(second) or first.exact != second.exact
    return in_zones and (named or equal)


def _assign_roles(found: list[TimestampColumn]) -> TimeColumns:
    """Return valid, issue and published columns; an issue time is certain only if a word names it."""
    excluded: dict[str, str] = {}
    found = _drop_ends(_drop_duplicates(found, excluded), excluded)
    valid = max(found, key=lambda each: (_validity(each), _count_times(each)))
    issue = published = late = None
    certain = True
    for column in found:
        if column is valid:
            continue
        both = column.ok & valid.ok
        before = float((column.wall[both] <= valid.wall[both]).mean()) if both.any() else 0.0
        named = bool(column.words & (ISSUE | PUBLISHED))
        if issue is None and before >= _ALMOST and (named or _count_times(column) < _count_times(valid)):
            issue, certain = column, named
        elif published is None and column.words & PUBLISHED and _is_later(column, valid):
            published = column
        elif late is None and named and both.any() and before < _ALMOST:
            late = column
            excluded[column.name] = "is after the valid time in many rows, so it is not read as an issue time"
        else:
            excluded[column.name] = "is another timestamp column without a recognised purpose"
    return TimeColumns(valid, issue, published, excluded, valid.wall, valid.ok, certain, late_issue=late)


def _is_later(column: TimestampColumn, valid: TimestampColumn) -> bool:
    """Return whether most of its times are later; in unlike zones, times that are written earlier may be later."""
    both = column.ok & valid.ok
    shift = 14 * HOUR if column.exact != valid.exact else 0
    return bool(both.any() and (column.wall[both] + shift > valid.wall[both]).mean() > _ALMOST)


def _count_times(found: TimestampColumn) -> int:
    return len(np.unique(found.wall[found.ok]))


def _drop_ends(found: Sequence[TimestampColumn], excluded: dict[str, str]) -> list[TimestampColumn]:
    """Exclude columns that are one step after another column: the ends of its steps."""
    kept = list(found)
    for end in found:
        for start in found:
            both = start.ok & end.ok
            if start is end or start not in kept or end not in kept or not both.any():
                continue
            gap = np.unique(end.wall[both] - start.wall[both])
            step = usual_step(start.wall[both])
            if len(gap) == 1 and gap[0] == step > 0 and not start.words & (ISSUE | PUBLISHED):
                kept.remove(end)
                excluded[end.name] = f"{STEP_ENDS} {start.name}"
    return kept


def _validity(found: TimestampColumn) -> int:
    """Rate how likely the words of a heading name the valid time."""
    if found.words & VALID:
        return 3
    if found.words & (ISSUE | PUBLISHED):
        return 0
    return 2 if found.words & (START | FORECAST) else 1


def _find_lead(fmt: FileFormat, times: TimestampColumn) -> Column | None:
    """Find a lead: a column of whole numbers that increases while the timestamp does not change, such as 1..48.

    The number of a series does the same if rows are sorted by time. So unless the heading names a lead, the column
    counts as one only if timestamps are some hours apart, like the runs of a weather model.
    """
    used = {column.place for column in times.columns}
    as_runs = usual_step(times.wall[times.ok]) in (3 * HOUR, 6 * HOUR, 12 * HOUR)
    for column in fmt.columns:
        if column.place in used or not column.is_whole or column.missing.any():
            continue
        words = words_in(column.name)
        if is_day_ahead(column.name) or names_quantity(column.heading):
            continue  # a forecast of so many MW
        if words & LEAD and (_is_crossed(column, times) or _gives_few_issues(column, times)):
            return column
        if as_runs and not words & (SERIES | GROUP | MEMBER) and _counts_up(column.numbers, times, fmt.piece):
            return column
    return None


def _counts_up(numbers: Floats, times: TimestampColumn, piece: NDArray[np.int32]) -> bool:
    near = np.diff(piece) == 0
    stays = np.diff(times.wall) == 0
    steps, turns = np.diff(numbers)[near & stays], np.diff(numbers)[near & ~stays]
    if numbers.min() < 0 or not len(turns) or len(steps) < len(turns):
        return False
    step, share = most_frequent(steps)
    return bool(step > 0 and share >= 0.9 and (turns < 0).mean() > 0.9)


def _is_crossed(column: Column, times: TimestampColumn) -> bool:
    """Return whether most times occur with most of the numbers."""
    codes, leads = encode(times.wall), encode(column.numbers)
    pairs = count_codes(encode_tuples([codes, leads]))
    return pairs >= 0.5 * count_codes(codes) * count_codes(leads) and pairs > count_codes(codes)


def _gives_few_issues(lead: Column, times: TimestampColumn) -> bool:
    """Return whether time minus lead has few different values: then these are issue times."""
    unit, _ = _lead_unit(lead)
    given = np.abs(lead.numbers) * TIME_UNITS[unit] < 400 * DAY  # not missing, and a lead at all
    wall, numbers = times.wall[given], lead.numbers[given]
    issues = wall - np.rint(numbers * TIME_UNITS[unit]).astype(np.int64)
    pairs = count_codes(encode_tuples([wall, numbers]))
    return lead.distinct > 1 and 2 * len(np.unique(issues)) <= pairs


def _lead_unit(lead: Column) -> tuple[str, bool]:
    """Return the unit of a lead, and whether its heading names it."""
    words = words_in(lead.name)
    named = next((unit for unit, names in LEAD_UNITS.items() if words & names), None)
    if named:
        return named, True
    numbers = lead.numbers[~np.isnan(lead.numbers)]
    minutes = numbers.max(initial=0) > 240 and bool((numbers % 15 == 0).all())
    return ("min" if minutes else "h"), False
