"""Sums over what is known at a moment, by cell: of rows that begin to count at one time and cease to count at another."""

from __future__ import annotations

import numpy as np
import pandas as pd

from hindcast.pipeline.align.asof import block_starts, last_at_most
from hindcast.pipeline.arrays import Floats, Ints, Times


class RunningSums:
    """Sums of rows (n, k) by cell. Row i counts at the moments in [begin[i], end[i]); rows with end <= begin never do.

    A sum is added up in the order of time, within its cell alone, so it depends neither on other cells nor on later rows.
    """

    def __init__(self, cell: Ints, begin: Times, end: Times, values: Floats, cells: int) -> None:
        counted = end > begin
        cell, begin, end, values = cell[counted], begin[counted], end[counted], values[counted]
        both, time = np.concatenate([cell, cell]), np.concatenate([begin, end])
        order = np.lexsort((time, both))
        changes = np.concatenate([values, -values])[order]
        self._time, self._start = time[order], block_starts(both[order], cells)
        self._width = values.shape[1]
        self._sums: Floats = pd.DataFrame(changes).groupby(both[order]).cumsum().to_numpy(np.float64)

    def at(self, cell: Ints, moment: Times) -> Floats:
        """Return the sums (q, k) of each cell at each moment."""
        first = self._start[cell]
        last = last_at_most(self._time, first, self._start[cell + 1], moment)
        found = np.zeros((len(cell), self._width))
        known = last >= first
        found[known] = self._sums[last[known]]
        return found
