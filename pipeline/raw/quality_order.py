"""Order statistics of many series at once: exact, so that no result depends on how rows were read.

A series is a range of an array: its first row in `starts`, its number of rows in `lengths`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Floats, Ints

FEWEST = 48  # values; a shorter series is not checked
CODE_SHARE = 0.05  # of a series: an extreme value that is repeated no more often is a code for "missing"

Tail = tuple[tuple[float, float, float], float]
"""Three quantiles from which a limit is extrapolated, and the least ratio of the limit to the last quantile."""
RANGE_TAIL: Tail = ((0.5, 0.9, 0.99), 3.0)  # of distances from the median
STEP_TAIL: Tail = ((0.5, 0.8, 0.95), 4.0)  # of steps

_CELLS = 1 << 18  # numbers that are sorted at once: 2 MiB
_MOST_RANKS = 24  # with more ranks, sorting is as fast as selection
_PADDED = 1.25  # times as long as the shortest is the longest series that is sorted with it


@dataclass(frozen=True)
class Ordered:
    """The sorted values of some series: `cells` (series, longest), filled up with the largest number after `lengths` values."""

    cells: NDArray[Any]
    lengths: Ints

    def at(self, ranks: Ints) -> NDArray[Any]:
        """Return the value of each series at a rank from 0 on; an arbitrary one where the rank does not exist."""
        inside = np.minimum(np.maximum(ranks, 0), self.cells.shape[1] - 1)
        found: NDArray[Any] = self.cells[np.arange(len(inside)), inside]
        return found

    def ties(self, ranks: Ints) -> tuple[Ints, Ints]:
        """Count the values of each series below its value at a rank, and the values up to it."""
        value, below, up_to = self.at(ranks), ranks.copy(), ranks + 1
        before, after = self.at(ranks - 1), self.at(ranks + 1)
        tied = np.flatnonzero(((before == value) & (ranks > 0)) | ((after == value) & (up_to < self.lengths)))
        if len(tied):
            cells, bounds = self.cells[tied], value[tied, None]
            below[tied] = np.count_nonzero(cells < bounds, axis=1)
            up_to[tied] = np.count_nonzero(cells <= bounds, axis=1)
        return below, up_to

    def codes(self) -> tuple[Ints, Ints]:
        """Count the values equal to the smallest and to the largest of each series; 0 if they are not repeated but rare."""
        last = self.at(self.lengths - 1)
        repeated = (self.cells[:, 0] == self.at(self.lengths.clip(max=2) - 1)) | (
            self.at(self.lengths - 2) == last
        )
        low, high = np.zeros_like(self.lengths), np.zeros_like(self.lengths)
        some = np.flatnonzero(repeated & (self.cells[:, 0] != last))
        if len(some):
            cells, lengths = self.cells[some], self.lengths[some]
            least = np.count_nonzero(cells == cells[:, :1], axis=1)
            most = np.count_nonzero(cells == last[some, None], axis=1)
            rare = (least + most >= 3) & (least + most <= CODE_SHARE * lengths)
            low[some], high[some] = np.where(rare, least, 0), np.where(rare, most, 0)
        return low, high


def flat_rows(starts: Ints, lengths: Ints) -> Ints:
    """Return the rows of all series, one series after another."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)


def offsets_of(lengths: Ints) -> Ints:
    """Return where each series starts if they stand one after another."""
    return np.cumsum(lengths) - lengths


def in_blocks(lengths: Ints) -> Iterator[Ints]:
    """Yield the indices of series in blocks: series of about the same length, as many as memory should hold."""
    if not len(lengths):
        return
    first, longest = 0, int(lengths.max())
    if lengths.min() == longest:
        order, ordered = np.arange(len(lengths)), lengths
    else:
        order = np.argsort(lengths, kind="stable")
        ordered = lengths[order]
    while first < len(order):
        stop = int(np.searchsorted(ordered, max(_PADDED * ordered[first], FEWEST), side="right"))
        stop = min(stop, first + max(1, _CELLS // max(int(ordered[stop - 1]), 1)))
        yield order[first:stop]
        first = stop


def as_matrix(values: NDArray[Any], starts: Ints, lengths: Ints, fill: float) -> NDArray[Any]:
    """Copy series into the rows of a matrix; shorter series are followed by `fill`."""
    width = max(int(lengths.max()), 1)
    if lengths.min() == width:
        return np.lib.stride_tricks.sliding_window_view(values, width)[starts]
    columns = np.arange(width)
    cells: NDArray[Any] = values[np.minimum(starts[:, None] + columns, len(values) - 1)]
    cells[columns >= lengths[:, None]] = fill
    return cells


def sort_series(values: NDArray[Any], starts: Ints, lengths: Ints) -> Iterator[tuple[Ints, Ordered]]:
    """Yield blocks of series: their indices and their sorted values, which must be finite."""
    for block, cells in matrices(values, starts, lengths):
        cells.sort(axis=1)
        yield block, Ordered(cells, lengths[block])


def matrices(values: NDArray[Any], starts: Ints, lengths: Ints) -> Iterator[tuple[Ints, NDArray[Any]]]:
    """Yield blocks of series: their indices and their values, filled with the largest number."""
    fill = np.inf if values.dtype.kind == "f" else np.iinfo(values.dtype).max
    for block in in_blocks(lengths):
        yield block, as_matrix(values, starts[block], lengths[block], fill)


def rank_of(share: float, counts: Ints) -> Ints:
    """Return the rank, from 0 on, of the smallest value that at least this share of all values does not exceed."""
    found: Ints = np.maximum(np.ceil(share * counts).astype(np.int64) - 1, 0)
    return found


def quantiles(values: NDArray[Any], starts: Ints, lengths: Ints, *shares: float) -> Floats:
    """Return (share, series): the smallest value that at least this share of a series' values does not exceed."""
    found = np.empty((len(shares), len(starts)))
    for block, ordered in sort_series(values, starts, lengths):
        for place, share in enumerate(shares):
            found[place, block] = ordered.at(rank_of(share, ordered.lengths))
    return found


def tail_limits(found: Floats, sizes: Ints, counts: Ints, tail: Tail) -> Floats:
    """Extrapolate distributions of sizes above zero as Weibull tails to one exceedance in 1,000 series of `counts` rows.

    `found` (3, series) are the quantiles of the sizes that `tail` names, `sizes` their number. A limit is at least `least`
    times the last quantile; it is infinite where there are too few sizes.
    """
    shares, least = tail
    limits: Floats = least * found[-1]
    wanted = np.log(1000.0 * counts)
    for place in (0, 1):
        near, far = -math.log(1 - shares[place]), -math.log(1 - shares[place + 1])
        with np.errstate(all="ignore"):  # where there are too few sizes
            growth = np.maximum(found[place + 1] / found[place], 1.0)
            power = np.log(growth) / math.log(far / near)
            limits = np.maximum(limits, found[place + 1] * (wanted / far) ** power)
    return np.where(sizes < FEWEST // 2, np.inf, limits)


def range_limits(ordered: Ordered, counts: Ints | None = None) -> tuple[Floats, Floats, Floats]:
    """Return the median without codes, and the limits of distances below and above it.

    `counts` are the rows of the series if `ordered` holds a sample.
    """
    low, high = ordered.codes()
    core = ordered.lengths - low - high
    rank = low + rank_of(0.5, core)
    middle = ordered.at(rank)
    under, upto = ordered.ties(rank)
    below, above = under - low, ordered.lengths - high - upto
    counts = core if counts is None else counts
    found = []
    for share in RANGE_TAIL[0]:
        down, up = ordered.at(under - 1 - rank_of(share, below)), ordered.at(upto + rank_of(share, above))
        found.append(np.concatenate([middle - down, up - middle]))
    sizes = np.concatenate([below, above])
    down, up = np.split(tail_limits(np.stack(found), sizes, np.tile(counts, 2), RANGE_TAIL), 2)
    return middle, down, up


def step_limits(sizes: Floats, starts: Ints, lengths: Ints, counts: Ints) -> Floats:
    """Return the limits of steps of series with `counts` rows from the sizes of all or some steps; 0 is no step."""
    limits = np.empty(len(starts))
    for block, cells in matrices(sizes, starts, lengths):
        none = cells == 0
        steps = lengths[block] - np.count_nonzero(none, axis=1)
        cells[none] = np.inf
        ranks = np.stack([rank_of(share, steps) for share in STEP_TAIL[0]])
        each = np.unique(ranks)
        if (
            len(each) <= _MOST_RANKS and 10 * steps.sum() > 9 * cells.size
        ):  # selection is slow among equal numbers
            cells.partition(each, axis=1)
        else:
            cells.sort(axis=1)
        found = cells[np.arange(len(cells)), ranks]
        limits[block] = tail_limits(found, steps, counts[block], STEP_TAIL)
    return limits
