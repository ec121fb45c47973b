"""Runs the checks of values over a table while it is written.

Series are checked as they come, many at once; only a series that is merged in parts is copied until it is complete. A very long
series is checked in pieces. No finding depends on workers, on the cache, on the sizes of blocks or on other series.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.raw.quality_checks import (
    Column,
    find_false_zeros,
    find_outliers,
    find_runs,
)
from hindcast.pipeline.raw.quality_days import find_shifts, find_swapped
from hindcast.pipeline.raw.quality_findings import Ends, Finding, TableFindings
from hindcast.pipeline.raw.quality_order import FEWEST
from hindcast.pipeline.raw.quality_rows import Rows
from hindcast.pipeline.raw.records import Codes, Records
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.settings.stamp_grid import StampGrid
from hindcast.pipeline.tables import ROWS_A_PIECE

_MOST_NUMBERS = (
    4 << 20
)  # numbers of a series that are copied, 32 MiB: this bounds the memory of the check of one table

Columns = list[NDArray[Any]]
"""Codes of the series, valid times, then the values of each name."""


class QualityScan:
    """Checks the rows of one table: `add` them in their order, then call `finish`.

    With steps of local days (`grid` has a zone), times count as labels do, so that every day is as long.
    """

    def __init__(
        self, source: Source, frequency: int, zone: str, names: list[str], grid: StampGrid | None = None
    ) -> None:
        self._source, self._frequency, self._names = source, frequency, names
        self._days = grid if grid is not None and grid.zone else None
        self._zone = "UTC" if self._days else zone
        self._most = max(2 * ROWS_A_PIECE, _MOST_NUMBERS // (2 + len(source.values)))  # rows of a series
        self._parts: list[Columns] = []  # copied rows of a series that may continue
        self._findings: dict[tuple[str, str], list[Finding]] = {}
        self._ends: dict[str, dict[str, int]] = {}

    def add(self, records: Records, *, whole: bool) -> None:
        """Check sorted rows of whole series; copy rows of a part of one series until it is complete."""
        if self._source.is_static or not len(records):
            return
        if self._parts and (whole or self._parts[0][0][0] != records.key[0]):
            self._check_parts()
        times = self._days.spread(records.times[0]) if self._days else records.times[0]
        columns: Columns = [records.key, times, *records.values]
        if whole:
            cuts = self._cuts(records.key)
            for start, stop in pairwise(cuts):
                self._check([column[start:stop] for column in columns])
            return
        self._parts.append([column.copy() for column in columns])
        while sum(len(part[0]) for part in self._parts) > self._most:
            joined = self._joined()
            self._check([column[: self._most] for column in joined])
            self._parts = [[column[self._most :] for column in joined]]

    def finish(self) -> TableFindings:
        """Check the remaining rows; returns all findings."""
        self._check_parts()
        series = list(dict.fromkeys(name for times in self._ends.values() for name in times))
        ends = {value: Ends.of(times, series) for value, times in self._ends.items() if times}
        return TableFindings(self._findings, ends, series)

    def _cuts(self, codes: Codes) -> list[int]:
        """Return where rows are divided: nowhere, or around and within series that are too long."""
        cuts = [0, len(codes)]
        if len(codes) > self._most:
            starts = np.append(0, np.flatnonzero(np.diff(codes)) + 1)
            stops = np.append(starts[1:], len(codes))
            for at in np.flatnonzero(stops - starts > self._most).tolist():
                cuts += [*range(int(starts[at]), int(stops[at]), self._most), int(stops[at])]
        return sorted(set(cuts))

    def _check_parts(self) -> None:
        if self._parts:
            self._check(self._joined())
            self._parts = []

    def _joined(self) -> Columns:
        return [np.concatenate(parts) for parts in zip(*self._parts, strict=True)]

    def _check(self, columns: Columns) -> None:
        codes, times, *values = columns
        with np.errstate(all="ignore"):  # squares of huge values
            self._check_values(codes, times, values)

    def _check_values(self, codes: Ints, times: Times, columns: list[Floats]) -> None:
        rows = Rows(codes, times, self._frequency, self._zone)
        checked, missing = (
            rows,
            np.zeros(len(codes), np.bool_),
        )  # values of one source are often missing together
        for (name, setting), values in zip(self._source.values.items(), columns, strict=True):
            whole = self._source.role != "known" and setting.allowed is None and not setting.angle
            whole = whole and not setting.is_of_texts and setting.accumulated is None and not setting.counter
            low = np.minimum.reduceat(values, rows.starts)
            if not np.isnan(low).any():
                self._check_value(name, rows, values, low if whole else None)
                continue
            if not np.array_equal(missing, empty := np.isnan(values)):
                if empty.all():
                    continue
                checked, missing = Rows(codes[~empty], times[~empty], self._frequency, self._zone), empty
            filled = values[~empty]
            low = np.minimum.reduceat(filled, checked.starts)
            self._check_value(name, checked, filled, low if whole else None)

    def _check_value(self, name: str, rows: Rows, values: Floats, low: Floats | None) -> None:
        """Check the values of one name; without `low`, the smallest of each series, for gaps only."""
        owners = [self._names[code] for code in rows.codes[rows.starts].tolist()]
        ends = rows.times[rows.stops - 1].tolist()
        self._ends.setdefault(name, {}).update(zip(owners, ends, strict=True))
        found = list(rows.track.gaps)
        if low is not None and rows.lengths.max() >= FEWEST:
            column = Column(rows, values, low)
            found += [*find_outliers(column), *find_false_zeros(column), *find_runs(column.track)]
            if rows.longest >= FEWEST:
                means = rows.track.days.means(column.track.values)
                found += [*find_shifts(column.track, means), *find_swapped(rows.track, means)]
        for place, finding in found:
            self._findings.setdefault((owners[place], name), []).append(finding)
