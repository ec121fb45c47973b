"""The input of the evaluation: the scored rows of one split and one target, with a column for each forecaster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Key, Times, Values
from hindcast.pipeline.forecasters import REFERENCES, delivered

BLOCK = 1 << 20
"""Rows converted to float64 at a time: this limits the memory and fixes the order of summation."""


UNUSABLE = "target: unusable"
"""The label of rows whose target `align.usable` takes out of training."""


@dataclass(frozen=True)
class SeriesNames:
    """The groups, and for each series its name and the index of its group, ordered by (group, series)."""

    groups: tuple[str, ...]
    series: tuple[str, ...]
    group_of: NDArray[np.int32]

    def key(self, series: int) -> Key:
        """Return (group, series) of a series index."""
        return self.groups[self.group_of[series]], self.series[series]


@dataclass(frozen=True)
class Table:
    """Rows of one split and target, ordered by (series, track, time); the rows of a series are adjacent.

    `frequency` is the length of a step in ns; `time` and `origin` are int64 nanoseconds UTC; `actual` and every
    forecast are float32 in physical units, NaN if there is no value. `compared` marks the rows on which all forecasters are
    scored. `quantiles` (row, level) are the model's forecasts at `levels`, ascending along the last axis, or None; its
    point forecast is one of them. `flagged` has a bit of each of `labels` that the quality check or `align.usable` gives the
    row; None: no row is flagged. `begins` is when the steps start, where that is not `time`: for steps of local days. `bounds` are
    the calibrated intervals of some forecasters, (row, interval, 2): interval i has the nominal coverage `coverages[i]`; NaN if too few
    errors were known at the origin. `last` are the values of the shards, where `actual` has other revisions by `evaluate.truth`.
    """

    split: str
    target: str
    unit: str
    names: SeriesNames
    frequency: int
    series: NDArray[np.int32]
    track: NDArray[np.int16]
    time: Times
    origin: Times
    actual: Values
    forecasts: dict[str, Values]
    compared: Flags = field(default_factory=lambda: np.zeros(0, np.bool_))
    quantiles: Values | None = None
    levels: tuple[float, ...] = ()
    flagged: NDArray[np.uint32] | None = None
    labels: tuple[str, ...] = ()
    begins: Times | None = None
    coverages: tuple[float, ...] = ()
    bounds: dict[str, Values] = field(default_factory=dict)
    last: Values | None = None

    def leads(self, rows: slice) -> Times:
        """Return the time from the origin to the start of the step (ns) of some rows."""
        starts = self.time if self.begins is None else self.begins
        return starts[rows] - self.origin[rows]

    def __len__(self) -> int:
        return len(self.actual)

    @property
    def tracks(self) -> int:
        """The number of tracks: the largest track of any row + 1."""
        return int(self.track.max()) + 1 if len(self) else 0

    def rows_of_groups(self) -> Iterator[tuple[int, slice]]:
        """Yield (group index, its rows) for each group that has rows; the rows of a group are adjacent."""
        groups = self.names.group_of[self.series]
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(self)], strict=True):
            yield int(groups[start]), slice(int(start), int(stop))


def blocks(size: int) -> Iterator[slice]:
    """Split rows [0, size) into blocks of at most BLOCK."""
    for start in range(0, size, BLOCK):
        yield slice(start, min(start + BLOCK, size))


@dataclass(frozen=True)
class Comparison:
    """The forecasters that are compared, and the numbers of rows.

    - `scored`: rows of the split whose target is known.
    - `compared`: scored rows on which every one of `forecasters` has a value.
    - `absent`: requested forecasters without any value in this split; they do not restrict the compared rows.
    - `missing[f]`: scored rows on which forecaster f has no value (a row that lacks two forecasters counts for both).
    """

    forecasters: tuple[str, ...]
    absent: tuple[str, ...]
    scored: int
    compared: int
    missing: dict[str, int]

    @property
    def rivals(self) -> tuple[str, ...]:
        """The compared forecasters over which the skill of `judged` is computed; none if that is not compared."""
        if self.judged not in self.forecasters or not self.compared:
            return ()
        return tuple(name for name in self.forecasters if name != self.judged and name not in REFERENCES)

    @property
    def judged(self) -> str:
        """The forecaster whose skill is computed: the blend where there is one, else the network."""
        return delivered(self.forecasters)


def mark_common_rows(table: Table, requested: Sequence[str]) -> tuple[Table, Comparison]:
    """Mark the rows on which all requested forecasters have a value, ignoring forecasters without any value."""
    known = ~np.isnan(table.actual)
    scored = int(known.sum())
    missing = {
        name: int((known & np.isnan(table.forecasts[name])).sum()) if name in table.forecasts else scored
        for name in requested
    }
    present = tuple(name for name in requested if missing[name] < scored)
    compared = known.copy()
    for name in present:
        compared &= ~np.isnan(table.forecasts[name])
    absent = tuple(name for name in requested if name not in present) if scored else ()
    counts = {name: missing[name] for name in present if missing[name]}
    return replace(table, compared=compared), Comparison(present, absent, scored, int(compared.sum()), counts)
