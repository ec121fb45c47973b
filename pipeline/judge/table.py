"""What is judged: the scored rows of one split and one target, a column a forecaster, and their names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]

REFERENCES = ("reference_24h", "reference_168h")
"""Plain shifts that ignore the origin: for check figures, never for skill."""

FORECASTERS = ("model", "published", "persistence", "seasonal_24h", "seasonal_168h", "trees", *REFERENCES)
"""All forecasters in the order in which every output names them."""

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
