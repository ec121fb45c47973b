"""Whether a target is unusable at a step, as `align.usable` says: looked up again, interval by interval."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN
from hindcast.pipeline.certify.as_known import SHARED, GroupTables
from hindcast.pipeline.certify.raw_records import Record

_SECOND = 1_000_000_000


class UnusableTargets:
    """The intervals of one group, of a target in `align.usable`."""

    def __init__(self, tables: GroupTables, target: str) -> None:
        self._tables, self._rule = tables, tables.params.align.usable.get(target)
        self._listed = lru_cache(maxsize=256)(self._intervals)

    def holds(self, series: str, step: int) -> bool:
        """Return whether any part of the step is unusable, for the series or the whole group."""
        if self._rule is None:
            return False
        clock = self._tables.clock
        step, end = clock.opens(step), clock.opens(step + self._tables.frequency)
        owners = dict.fromkeys((series, SHARED))
        if any(start < end and stop > step for owner in owners for start, stop in self._listed(owner)):
            return True
        if any(self._is_bad(owner, step, end) for owner in owners):
            return True
        return any(
            each.group in (None, self._tables.group)
            and each.series in (None, series)
            and (each.from_ is None or each.from_ < end)
            and (each.until is None or each.until > step)
            for each in self._rule.intervals
        )

    def _is_bad(self, owner: str, step: int, end: int) -> bool:
        """Return whether the last revision of any row of the step has one of the unusable numbers."""
        if self._rule is None or self._rule.value is None:
            return False
        for source, records in self._tables.records.items():
            fields = self._tables.params.raw.sources[source].values
            if self._rule.value not in fields:
                continue
            last = {
                row.valid: row.values[self._rule.value]
                for row in self._rows(records.of_step(owner, step, end), self._rule.value)
            }
            codes = fields[self._rule.value].codes or {}
            if any(
                number in (codes.get(str(bad), bad) for bad in self._rule.unusable)
                for number in last.values()
            ):
                return True
        return False

    def _intervals(self, owner: str) -> tuple[tuple[int, int], ...]:
        """Return the intervals of the rows that have an end."""
        name = self._rule.until if self._rule is not None else None
        found: list[tuple[int, int]] = []
        for source, records in self._tables.records.items() if name is not None else ():
            if name in self._tables.params.raw.sources[source].values:
                ends = {
                    row.valid: row.values[name]
                    for row in self._rows(records.of_step(owner, TIME_MIN, TIME_MAX), name)
                }
                found += [
                    (start, round(end) * _SECOND)
                    for start, end in ends.items()
                    if start < round(end) * _SECOND
                ]
        return tuple(found)

    @staticmethod
    def _rows(rows: list[Record], value: str) -> Iterator[Record]:
        """Yield the rows with a value in the order in which they became known."""
        yield from sorted(
            (row for row in rows if not math.isnan(row.values[value])), key=lambda row: row.known
        )
