"""Stamp columns -> what each is for: valid time, issue time, moment of publication, end of a step; and leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.inspect.column_types import Column, Flags, codes_of, combined, number_of
from hindcast.pipeline.inspect.file_kinds import Kind
from hindcast.pipeline.inspect.timestamp_columns import Stamped, read_stamps, usual_step
from hindcast.pipeline.inspect.vocabulary import (
    END,
    FORECAST,
    GROUP,
    ISSUE,
    LEAD,
    PUBLISHED,
    SERIES,
    START,
    VALID,
    words_of,
)
from hindcast.pipeline.settings.base import DAY, HOUR, TIME_UNITS
from hindcast.pipeline.settings.clock import Stamps

_ALMOST = 0.97


@dataclass(frozen=True, eq=False)
class Times:
    """The time columns of a kind of files.

    `wall` is the valid time of each row as the files write it (UTC where `exact`), without meaning where not
    `ok`; `aside` are stamp columns that are not used, with the reason.
    """

    valid: Stamped | None
    issue: Stamped | None
    published: Stamped | None
    lead: Column | None
    lead_unit: str
    aside: dict[str, str]
    wall: Stamps
    ok: Flags
    lead_is_sure: bool = True
    issue_is_sure: bool = True

    @property
    def main(self) -> Stamped:
        """The stamp whose zone and format stand for the file: the valid time, or the issue time it follows from."""
        main = self.valid or self.issue
        assert main is not None  # read_times gives no Times without one
        return main

    @property
    def exact(self) -> bool:
        """Whether the valid time is UTC already."""
        return self.main.exact

    @property
    def places(self) -> set[int]:
        """The columns that hold times or leads."""
        used = [stamp for stamp in (self.valid, self.issue, self.published) if stamp]
        places = {column.place for stamp in used for column in stamp.columns}
        places |= {stamp.period.column.place for stamp in used if stamp.period}
        return places | ({self.lead.place} if self.lead else set())

    @property
    def ends_step(self) -> bool:
        """Whether the stamp marks the end of its step, as its heading or an hour of 24 says."""
        if self.valid is None or self.valid.form.part or self.valid.period:
            return False
        words = frozenset().union(*(words_of(column.name) for column in self.valid.columns))
        return self.valid.hours_to_24 or bool(words & END and not words & START)

    def issue_wall(self) -> Stamps:
        """Issue times of all rows; only for files that have them."""
        assert self.issue is not None
        return self.issue.wall


def read_times(kind: Kind) -> Times | None:
    """Find the time columns; None if no column holds stamps."""
    stamps = read_stamps(kind.columns)
    if not stamps:
        return None
    aside: dict[str, str] = {}
    stamps = _without_twins(stamps, aside)
    valid, issue, published, sure = _by_purpose(stamps, aside)
    if issue is not None:
        return _times(valid, issue, published, aside, issue_is_sure=sure)
    lead = _lead_of(kind, valid)
    if lead is None:
        return _times(valid, None, published, aside)
    unit, unit_is_sure = _unit_of(lead)
    if _stamps_are_valid(kind, valid, lead, unit):
        steps = np.rint(np.nan_to_num(lead.numbers) * TIME_UNITS[unit]).astype(np.int64)
        made = replace(valid, columns=(), wall=valid.wall - steps, ok=valid.ok & ~np.isnan(lead.numbers))
        return Times(valid, made, published, lead, unit, aside, valid.wall, made.ok, unit_is_sure)
    return _times(None, valid, published, aside, lead=lead, unit=unit, lead_is_sure=unit_is_sure)


def _stamps_are_valid(kind: Kind, stamp: Stamped, lead: Column, unit: str) -> bool:
    """Whether the stamp beside a lead is the valid time: called so, or going on with the lead from row to row."""
    words = words_of(stamp.name)
    if words & (ISSUE | PUBLISHED):
        return False
    if words & VALID:
        return True
    near = (np.diff(kind.piece) == 0) & stamp.ok[1:] & stamp.ok[:-1]
    steps, leads = np.diff(stamp.wall)[near], np.diff(lead.numbers)[near] * TIME_UNITS[unit]
    moves = leads > 0
    return bool(moves.any() and (steps[moves] == leads[moves]).mean() > _ALMOST)


def _times(
    valid: Stamped | None,
    issue: Stamped | None,
    published: Stamped | None,
    aside: dict[str, str],
    *,
    lead: Column | None = None,
    unit: str = "h",
    **sure: bool,
) -> Times:
    if valid is not None:
        return Times(valid, issue, published, lead, unit, aside, valid.wall, valid.ok, **sure)
    assert issue is not None
    assert lead is not None
    steps = np.nan_to_num(lead.numbers) * TIME_UNITS[unit]
    ok = issue.ok & ~np.isnan(lead.numbers) & (np.abs(steps) < 400 * DAY)
    wall = issue.wall + np.where(ok, np.rint(steps), 0).astype(np.int64)
    return Times(None, issue, published, lead, unit, aside, wall, ok, **sure)


def _without_twins(stamps: list[Stamped], aside: dict[str, str]) -> list[Stamped]:
    """Of columns that tell the same moments in two zones only one stays: the one in UTC, else the first."""
    kept: list[Stamped] = []
    for stamp in sorted(stamps, key=lambda each: (not _is_utc(each), each.columns[0].place)):
        twin = next((other for other in kept if _are_twins(stamp, other)), None)
        if twin is None:
            kept.append(stamp)
        else:
            aside[stamp.name] = f"tells the same moments as {twin.name}"
    return sorted(kept, key=lambda each: each.columns[0].place)


def _is_utc(stamp: Stamped) -> bool:
    return bool(words_of(stamp.name) & {"utc", "gmt", "z"})


def _are_twins(one: Stamped, other: Stamped) -> bool:
    if any(words_of(stamp.name) & (ISSUE | PUBLISHED | END | VALID) for stamp in (one, other)):
        return False
    both = one.ok & other.ok
    gap = np.unique(one.wall[both] - other.wall[both])
    if one.exact and other.exact:
        return len(gap) == 1 and gap[0] == 0
    in_zones = (
        len(gap) <= 3 and bool((np.abs(gap) <= 14 * HOUR).all()) and bool((gap % (HOUR // 4) == 0).all())
    )
    named = _is_utc(one) != _is_utc(other) or one.exact != other.exact
    return in_zones and (named or (len(gap) == 1 and gap[0] == 0))


def _by_purpose(
    stamps: Sequence[Stamped], aside: dict[str, str]
) -> tuple[Stamped, Stamped | None, Stamped | None, bool]:
    """Valid, issue and published stamps; and whether words said so, not the order of the stamps alone."""
    stamps = _without_ends(stamps, aside)
    valid = max(stamps, key=lambda stamp: (_validity(stamp), len(np.unique(stamp.wall[stamp.ok]))))
    issue = published = None
    sure = True
    for stamp in stamps:
        if stamp is valid:
            continue
        both = stamp.ok & valid.ok
        words = words_of(stamp.name)
        before = float((stamp.wall[both] <= valid.wall[both]).mean()) if both.any() else 0.0
        if issue is None and before >= _ALMOST and _repeats(stamp, valid, words):
            issue, sure = stamp, bool(words & (ISSUE | PUBLISHED))
        elif published is None and before < 1 - _ALMOST and words & PUBLISHED:
            published = stamp
        else:
            aside[stamp.name] = "a further stamp column whose purpose is not seen"
    return valid, issue, published, sure


def _repeats(stamp: Stamped, valid: Stamped, words: frozenset[str]) -> bool:
    """An issue time is named so, or stands at many valid times."""
    return bool(words & (ISSUE | PUBLISHED)) or len(np.unique(stamp.wall[stamp.ok])) < len(
        np.unique(valid.wall[valid.ok])
    )


def _without_ends(stamps: Sequence[Stamped], aside: dict[str, str]) -> list[Stamped]:
    """Leave out columns that stand one step after another one: the ends of its steps."""
    kept = list(stamps)
    for end in stamps:
        for start in stamps:
            both = start.ok & end.ok
            if start is end or start not in kept or end not in kept or not both.any():
                continue
            gap = np.unique(end.wall[both] - start.wall[both])
            step = usual_step(start.wall[both])
            named = words_of(start.name) & (ISSUE | PUBLISHED)
            if len(gap) == 1 and gap[0] == step > 0 and not named:
                kept.remove(end)
                aside[end.name] = f"is the end of the step that begins at {start.name}"
    return kept


def _validity(stamp: Stamped) -> int:
    words = words_of(stamp.name)
    if words & VALID:
        return 3
    if words & (ISSUE | PUBLISHED):
        return 0
    return 2 if words & (START | FORECAST) else 1


def _lead_of(kind: Kind, stamp: Stamped) -> Column | None:
    """A column of whole numbers that counts up while the stamp stays: 1..48, again and again.

    A series' number does the same where rows are sorted by time: without a word for it, only stamps some
    hours apart, as runs of a model are, make such a column a lead.
    """
    used = {column.place for column in stamp.columns}
    as_runs = usual_step(stamp.wall[stamp.ok]) in (3 * HOUR, 6 * HOUR, 12 * HOUR)
    for column in kind.columns:
        if column.place in used or not column.is_whole or column.missing.any():
            continue
        words = words_of(column.name)
        if words & LEAD and (_is_crossed(column, stamp) or _gathers(column, stamp)):
            return column
        if as_runs and not words & (SERIES | GROUP) and _counts_up(column.numbers, stamp, kind.piece):
            return column
    return None


def _counts_up(numbers: NDArray[np.float64], stamp: Stamped, piece: NDArray[np.int32]) -> bool:
    near = np.diff(piece) == 0
    stays = np.diff(stamp.wall) == 0
    steps, turns = np.diff(numbers)[near & stays], np.diff(numbers)[near & ~stays]
    if numbers.min() < 0 or not len(turns) or len(steps) < len(turns):
        return False
    values, counts = np.unique(steps, return_counts=True)
    return bool(
        values[np.argmax(counts)] > 0 and counts.max() >= 0.9 * len(steps) and (turns < 0).mean() > 0.9
    )


def _is_crossed(column: Column, stamp: Stamped) -> bool:
    """Most stamps stand with most of the numbers."""
    stamps, leads = codes_of(stamp.wall), codes_of(column.numbers)
    pairs = number_of(combined([stamps, leads]))
    return pairs >= 0.5 * number_of(stamps) * number_of(leads) and pairs > number_of(stamps)


def _gathers(lead: Column, stamp: Stamped) -> bool:
    """Whether the stamps less the leads are few: the issues of valid times."""
    unit, _ = _unit_of(lead)
    issues = stamp.wall - np.rint(lead.numbers * TIME_UNITS[unit]).astype(np.int64)
    return lead.distinct > 1 and 2 * len(np.unique(issues)) <= len(np.unique(stamp.wall))


def _unit_of(lead: Column) -> tuple[str, bool]:
    words = words_of(lead.name)
    if words & {"min", "minute", "minutes", "mins"}:
        return "min", True
    if words & {"d", "day", "days"}:
        return "d", True
    if words & {"h", "hour", "hours", "hors", "hrs", "hr", "fhr"}:
        return "h", True
    minutes = lead.numbers.max() > 240 and bool((lead.numbers % 15 == 0).all())
    return ("min" if minutes else "h"), False
