"""Which timestamps off the grid are finer data, and which are strays; decided from the rows around each step.

Rows of one series and vintage that share a step are a cell. Its timestamps are finer data if they divide the step evenly and
completely, if three or more of those off the grid have values, or if a cell nearby has finer data on whose division they lie.
All others off the grid are strays: alone in its step, a timestamp would move its value by a part of a step; beside one
on the grid, it would change the value of the step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Ints, Times
from hindcast.pipeline.settings.stamp_grid import StampGrid

REACH = 24  # steps on each side in which a cell with finer data counts as nearby
MARGIN = REACH + 2  # steps on each side that decide about a row
_MANY = 3  # timestamps off the grid in a cell: readings at irregular times, not strays


@dataclass(frozen=True)
class StampKinds:
    """For each row, whether its timestamp was rounded to the grid, and what it is if it is off the grid.

    `length` is the time in ns that a value covers: the distance of finer data, 0 for irregular readings, else one pitch.
    """

    rounded: Flags
    finer: Flags
    irregular: Flags
    kept: Flags  # would be a stray, but the settings keep it
    stray: Flags
    length: Ints

    def take(self, rows: Ints) -> StampKinds:
        """Return some rows."""
        return StampKinds(
            self.rounded[rows],
            self.finer[rows],
            self.irregular[rows],
            self.kept[rows],
            self.stray[rows],
            self.length[rows],
        )


def classify_stamps(
    key: NDArray[Any], vintage: Times | None, stamps: Times, has_value: Flags, grid: StampGrid
) -> StampKinds | None:
    """Classify rows sorted by (key, timestamp); `vintage` are the issue times, if rows have them.

    Returns None if every timestamp is on the grid.
    """
    if grid.is_on(stamps).all():
        return None
    counted = grid.settle(stamps)
    if vintage is None:
        vintage = np.zeros(len(stamps), np.int64)
        order = np.arange(len(stamps))
    else:
        order = np.lexsort((counted, vintage, key))
    beaten = _beaten(key, vintage, stamps, counted)
    order = order[~beaten[order]]
    cells = _Cells(key[order], vintage[order], counted[order], has_value[order], grid)
    off = ~grid.is_on(counted)
    accepted, many = np.zeros(len(stamps), np.bool_), np.zeros(len(stamps), np.bool_)
    length = np.full(len(stamps), grid.pitch)
    accepted[order], many[order], length[order] = cells.kinds()
    off &= ~beaten
    lone = off & ~accepted
    return StampKinds(
        rounded=(stamps != counted) & ~beaten,
        finer=off & accepted & ~many,
        irregular=off & accepted & many,
        kept=lone & grid.keeps,
        stray=beaten | (lone & (not grid.keeps)),
        length=length,
    )


def _beaten(key: NDArray[Any], vintage: Times, stamps: Times, counted: Times) -> Flags:
    """Flag the rows whose timestamp was rounded to a time that a nearer timestamp of the same vintage has too."""
    beaten = np.zeros(len(stamps), np.bool_)
    if (stamps == counted).all():
        return beaten
    order = np.lexsort((stamps, np.abs(stamps - counted), counted, vintage, key))
    first = _changes(key[order], vintage[order], counted[order])
    nearest = stamps[order][np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))]
    beaten[order] = stamps[order] != nearest
    return beaten


class _Cells:
    """The cells of rows sorted by (key, vintage, timestamp), and the distinct timestamps in each."""

    def __init__(
        self, key: NDArray[Any], vintage: Times, stamps: Times, has_value: Flags, grid: StampGrid
    ) -> None:
        self.grid, self.frequency = grid, grid.frequency
        step, stamps = grid.start_of(stamps), grid.labels(stamps)
        new_stamp = _changes(key, vintage, stamps)
        at = np.flatnonzero(new_stamp)
        self._rows = np.cumsum(new_stamp) - 1  # the distinct timestamp of each row
        new_cell = _changes(key, vintage, step)[at]
        self.start = np.flatnonzero(new_cell)
        self.cell = np.cumsum(new_cell) - 1  # the cell of each distinct timestamp
        self.position = (stamps - step)[at]
        self.valued = np.logical_or.reduceat(has_value, at) if len(at) else has_value
        self.off = self.position % grid.pitch != 0
        self.step = step[at][self.start]
        series = _changes(key, vintage, np.zeros_like(key))
        self.series = (np.cumsum(series) - 1)[at][self.start]  # a number per key and vintage

    def kinds(self) -> tuple[Flags, Flags, Ints]:
        """Return, for each row, whether the off-grid timestamps of its cell are no strays, whether they are irregular, and
        the time that a value covers.
        """
        count = np.diff(np.append(self.start, len(self.cell)))
        division = np.gcd(self._fold(np.gcd, self.position), self.frequency)
        valued_off = self._fold(np.add, (self.off & self.valued).astype(np.int64))
        empty = self._fold(np.add, self.valued.astype(np.int64)) == 0
        complete = (count > 1) & (count * division == self.frequency) & ((valued_off > 0) | empty)
        many = (valued_off >= _MANY) & ~complete & (2 * count * division < self.frequency)
        strong = complete | (valued_off >= _MANY)
        accepted, found = strong.copy(), np.where(strong, division, self.grid.pitch)
        irregular = many.copy()
        for other, is_near in self._nearest(strong):
            fits = is_near & (division % division[other] == 0)
            fresh = fits & ~accepted
            found[fresh], irregular[fresh] = division[other][fresh], many[other][fresh]
            accepted |= fits
        self._accept_by_neighbours(accepted, found, division)
        length = np.where(irregular, 0, np.minimum(found, self.grid.pitch))
        cell = self.cell[self._rows]
        return accepted[cell], irregular[cell], length[cell]

    def _fold(self, function: np.ufunc, values: Ints) -> Ints:
        folded: Ints = function.reduceat(values, self.start)
        return folded

    def _nearest(self, strong: Flags) -> Iterator[tuple[Ints, Flags]]:
        """Yield, for the cells before and after each cell, the nearest strong one and whether it is near enough."""
        number = np.arange(len(strong))
        before = np.maximum.accumulate(np.where(strong, number, -1))
        after = np.minimum.accumulate(np.where(strong, number, len(strong))[::-1])[::-1]
        for other in (before, after):
            exists = (other >= 0) & (other < len(strong))
            chosen = np.where(exists, other, 0)
            distance = np.abs(self.step[chosen] - self.step)
            yield chosen, exists & (self.series[chosen] == self.series) & (distance <= REACH * self.frequency)

    def _accept_by_neighbours(self, accepted: Flags, found: Ints, divisions: Ints) -> None:
        """Accept cells whose timestamps, with those of the cells of the steps beside them, fill half of a division."""
        off = self._fold(np.add, self.off.astype(np.int64)) > 0
        open_cells = np.flatnonzero(off & ~accepted)
        if not len(open_cells):
            return
        owners, positions = self._around(open_cells)
        order = np.lexsort((positions, owners))
        owners, positions = owners[order], positions[order]
        distinct = _changes(owners, positions, np.zeros_like(owners))
        owners, positions = owners[distinct], positions[distinct]
        starts = np.flatnonzero(_changes(owners, np.zeros_like(owners), np.zeros_like(owners)))
        count = np.diff(np.append(starts, len(owners)))
        division = np.gcd(np.gcd.reduceat(positions, starts), self.frequency)
        fills = (count >= _MANY) & (2 * count * division >= self.frequency)
        fills &= divisions[open_cells[owners[starts]]] % division == 0
        cells = open_cells[owners[starts][fills]]
        accepted[cells], found[cells] = True, division[fills]

    def _around(self, cells: Ints) -> tuple[Ints, Ints]:
        """Return (index into `cells`, position) of the timestamps with values in each cell and in those of the steps beside."""
        bounds = np.append(self.start, len(self.cell))
        owners, places = [], []
        for shift in (-1, 0, 1):
            other = np.clip(cells + shift, 0, len(self.step) - 1)
            beside = self.step[cells] + shift * self.frequency == self.step[other]
            at = np.flatnonzero(beside & (self.series[other] == self.series[cells]))
            low, high = bounds[other[at]], bounds[other[at] + 1]
            owners.append(np.repeat(at, high - low))
            counts = np.cumsum(high - low)
            places.append(
                np.arange(counts[-1] if len(counts) else 0)
                + np.repeat(low - (counts - (high - low)), high - low)
            )
        owner, place = np.concatenate(owners), np.concatenate(places)
        kept = self.valued[place] | np.isin(owner, owner[self.valued[place]], invert=True)
        return owner[kept], self.position[place[kept]]


def _changes(first: NDArray[Any], second: Ints, third: Ints) -> Flags:
    """Flag rows that differ from the previous row in one of three columns; the first row is always flagged."""
    differs = np.ones(len(first), np.bool_)
    differs[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1]) | (third[1:] != third[:-1])
    return differs
