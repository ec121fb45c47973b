"""What is judged: the scored rows of one split and one target, a column a forecaster, and their names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


Integers = NDArray[np.int64]


Mask = NDArray[np.bool_]


BLOCK = 1 << 20


"""Rows turned into float64 at once: bounds the memory, and fixes the order in which sums are taken."""


@dataclass(frozen=True)
class Names:
    """The groups, and of each series its name and its group's index, ordered by (group, series)."""

    groups: tuple[str, ...]
    series: tuple[str, ...]
    group_of: NDArray[np.int32]

    def key(self, series: int) -> tuple[str, str]:
        """(group, series) of an index."""
        return self.groups[self.group_of[series]], self.series[series]


@dataclass(frozen=True)
class Table:
    """Rows of one split and target, ordered by (series, track, time); a series' rows are adjacent.

    `time` and `origin` are int64 nanoseconds UTC, `actual` and every forecast float32 in physical units with
    NaN where there is no value. `compared` marks the rows on which all are judged. `quantiles` (row, level), ascending
    along the last axis, are the model's at `levels`, if it gives any; its forecast is one of them.
    """

    split: str
    target: str
    unit: str
    names: Names
    frequency: int
    series: NDArray[np.int32]
    track: NDArray[np.int16]
    time: Integers
    origin: Integers
    actual: Floats
    forecasts: dict[str, Floats]
    compared: Mask = field(default_factory=lambda: np.zeros(0, np.bool_))
    quantiles: Floats | None = None
    levels: tuple[float, ...] = ()

    def __len__(self) -> int:
        return len(self.actual)

    @property
    def tracks(self) -> int:
        """The number of tracks that the rows can name."""
        return int(self.track.max()) + 1 if len(self) else 0

    def rows_of_groups(self) -> Iterator[tuple[int, slice]]:
        """(group index, its rows) for each group that has rows; the rows of a group are adjacent."""
        groups = self.names.group_of[self.series]
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(self)], strict=True):
            yield int(groups[start]), slice(int(start), int(stop))


def blocks(size: int) -> Iterator[slice]:
    """The rows 0..size in blocks of at most BLOCK."""
    for start in range(0, size, BLOCK):
        yield slice(start, min(start + BLOCK, size))


@dataclass(frozen=True)
class Comparison:
    """Who is compared on how many rows.

    `scored`: rows of the split whose target is known. `compared`: those where every one of `forecasters` has
    a value. `absent`: listed, but without any value in this split, so left out of the rule. `without[f]`:
    scored rows on which forecaster f has no value (a row without two forecasters counts for both).
    """

    forecasters: tuple[str, ...]
    absent: tuple[str, ...]
    scored: int
    compared: int
    without: dict[str, int]


def on_same_rows(table: Table, listed: Sequence[str]) -> tuple[Table, Comparison]:
    """Mark the rows on which every listed forecaster that has any value at all has one."""
    known = ~np.isnan(table.actual)
    scored = int(known.sum())
    without = {}
    for name in listed:
        without[name] = (
            int((known & np.isnan(table.forecasts[name])).sum()) if name in table.forecasts else scored
        )
    present = tuple(name for name in listed if without[name] < scored)
    compared = known.copy()
    for name in present:
        compared &= ~np.isnan(table.forecasts[name])
    absent = tuple(name for name in listed if name not in present) if scored else ()
    comparison = Comparison(
        present,
        absent,
        scored,
        int(compared.sum()),
        {name: without[name] for name in present if without[name]},
    )
    return replace(table, compared=compared), comparison
