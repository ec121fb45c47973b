"""Wall times that come twice, settled by the order of rows in a file (`ambiguous: in_order`, `in_reverse_order`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hindcast.pipeline.raw.records import Key
from hindcast.pipeline.raw.reject_rules import AMBIGUOUS, BadRows, joined
from hindcast.pipeline.raw.rows import Rows

_EVIDENCE = 24  # steps against the order that is asked for, and more than three times as many as with it


@dataclass(frozen=True)
class Course:
    """How the rows of a series go through a stretch of a file: the times (of forecasts, the leads; ns) of the first and
    the last row, and how often they rise and fall from row to row.
    """

    first: int
    last: int
    rises: int
    falls: int

    def then(self, later: Course) -> Course:
        """The course through this stretch and the one below it, whatever the border between them."""
        return Course(
            self.first,
            later.last,
            self.rises + later.rises + (later.first > self.last),
            self.falls + later.falls + (later.first < self.last),
        )


def courses_of(rows: Rows, *, has_issue: bool) -> dict[Key, Course]:
    """The course of each series through a block, in the order of lines."""
    records = rows.records
    if not len(records):
        return {}
    order = np.argsort(records.key, kind="stable")
    codes, times = records.key[order], (records.times[0] - (records.times[1] if has_issue else 0))[order]
    steps = np.sign(np.diff(times)) * (codes[1:] == codes[:-1])
    counts = [
        np.bincount(codes[1:], weights=steps == sign, minlength=len(rows.keys)).astype(int)
        for sign in (1, -1)
    ]
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    ends = np.append(starts[1:], len(codes)) - 1
    return {
        rows.keys[code]: Course(
            int(times[start]), int(times[end]), int(counts[0][code]), int(counts[1][code])
        )
        for code, start, end in zip(codes[starts].tolist(), starts.tolist(), ends.tolist(), strict=True)
    }


class InOrder:
    """Settles wall times that come twice by the order of rows in one file.

    Of the rows of a series (and issue) at such a time, the first is the earlier one and the second the later one
    (`newest_first`: the other way round); a third is put aside. Rows put aside for their values take their turn too.
    """

    def __init__(self, *, has_issue: bool, newest_first: bool) -> None:
        self._apart = 2 if has_issue else 1  # revisions are rows of one moment
        self._newest_first = newest_first
        self._seen: dict[tuple[object, ...], int] = {}
        self._pairs: set[Key] = set()
        self._courses: dict[Key, Course] = {}

    def settle(self, rows: Rows) -> Rows:
        """The rows of the file's next block with their doubled stamps settled."""
        doubled = rows.doubled
        if not len(doubled):
            return rows
        valid, surplus = rows.records.times[0].copy(), []
        for row, (place, code) in enumerate(zip(doubled.place.tolist(), doubled.key.tolist(), strict=True)):
            moment = (rows.keys[code], *(int(times[row]) for times in doubled.times[: self._apart]))
            turn = self._seen[moment] = self._seen.get(moment, 0) + 1
            if turn == 2:
                self._pairs.add(rows.keys[code])
            if place < 0:
                continue
            if turn > 2:
                surplus.append(place)
            elif (turn == 1) == self._newest_first:
                valid[place] = doubled.second[row]
        settled = replace(rows, records=replace(rows.records, times=(valid, *rows.records.times[1:])))
        return _put_aside(settled, surplus) if surplus else settled

    def follow(self, courses: Mapping[Key, Course]) -> None:
        """Take in the courses through the file's next block."""
        for key, course in courses.items():
            self._courses[key] = self._courses[key].then(course) if key in self._courses else course

    def against_the_file(self) -> list[str]:
        """The series whose doubled wall times were settled against the order in which their rows plainly stand."""
        return [
            f"series {series!r} of group {group!r}" if series else f"group {group!r}"
            for group, series in sorted(self._pairs & self._courses.keys())
            if self._is_against(self._courses[group, series])
        ]

    def _is_against(self, course: Course) -> bool:
        against, along = course.falls, course.rises
        if self._newest_first:
            against, along = along, against
        return against >= _EVIDENCE and against > 3 * along


def _put_aside(rows: Rows, places: list[int]) -> Rows:
    names = [rows.keys[code] for code in rows.records.key[places]]
    bad = BadRows(
        rows.records.line[places],
        np.full(len(places), AMBIGUOUS, np.uint8),
        np.full(len(places), -1, np.int32),
        np.array([group for group, _ in names], object),
        np.array([series for _, series in names], object),
    )
    return replace(
        rows,
        records=rows.records.take(np.delete(np.arange(len(rows.records)), places)),
        bad=joined([rows.bad, bad]),
    )
