"""Checks of values that look wrong, over all series of a table at once: outliers, false zeros, frozen and zero runs, gaps.

Each series is compared with its own usual values. A fast test first selects the series to check; it is part of the check: series
that it does not select are not checked. A check only reports. docs/decisions/0019-values-that-look-wrong.md has the limits and
what was measured.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints
from hindcast.pipeline.raw.quality_findings import FROZEN, OUTLIER, ZERO_RUN, ZEROS
from hindcast.pipeline.raw.quality_order import (
    FEWEST,
    flat_rows,
    matrices,
    offsets_of,
    quantiles,
    range_limits,
    rank_of,
    sort_series,
    step_limits,
)
from hindcast.pipeline.raw.quality_rows import Found, Rows, Spans

_APART = 1.5  # outliers are this many times larger than the largest value that is not one
_LONGEST_SPIKE = 3  # rows
_SHORTEST_RUN = 10  # rows
_LONGER = 4  # times as long as the usual runs of the series
_LARGE_STEP = 8  # times the mean step: no spike without one
_FAR = 5  # standard deviations from the mean: no outlier without one
_QUAD = 4  # a run of seven equal values contains four at a multiple of four rows
_SAMPLE = 2048  # rows
_CLOSE = 0.85  # of a limit that is estimated from a sample


class Column:
    """The values of all rows, none of them missing, and what several checks read of them."""

    def __init__(self, rows: Rows, values: Floats, low: Floats | None = None) -> None:
        self.rows, self.values = rows, values
        self.low = np.minimum.reduceat(values, rows.starts) if low is None else low
        self.high = np.maximum.reduceat(values, rows.starts)

    @cached_property
    def track(self) -> Column:
        """The values of the newest vintages."""
        newest = self.rows.newest
        return self if newest is None else Column(self.rows.track, self.values[newest])

    @cached_property
    def steps(self) -> Floats:
        """The size of the step from each row to the next; 0 where none follows."""
        steps = np.empty(len(self.values))
        np.subtract(self.values[1:], self.values[:-1], out=steps[:-1])
        np.abs(steps, out=steps)
        steps[self.rows.breaks] = 0.0
        return steps

    @cached_property
    def zeros(self) -> Ints:
        """Rows with the value 0."""
        if not ((self.low <= 0) & (self.high >= 0)).any():
            return np.empty(0, np.int64)
        return np.flatnonzero(self.values == 0)

    def false_zeros(self, places: Ints) -> Floats:
        """Return by how much 0 differs from some series if they are otherwise never near zero; 0 for other series."""
        chosen, which = np.unique(places, return_inverse=True)
        counts, lengths = self.rows.count(self.zeros)[chosen], self.rows.lengths[chosen]
        enough = (lengths >= FEWEST) & (lengths - counts >= FEWEST) & (counts > 0) & (20 * counts <= lengths)
        some = np.flatnonzero(enough & ((self.low[chosen] >= 0) | (self.high[chosen] <= 0)))
        some = some[~self._often_small(chosen[some], counts[some])]
        sizes = np.zeros(len(chosen))
        for block, ordered in sort_series(self.values, self.rows.starts[chosen[some]], lengths[some]):
            zeros, others = counts[some[block]], ordered.lengths - counts[some[block]]
            above = ordered.cells[:, 0] >= 0
            ranks = (rank_of(share, others) for share in (0.001, 0.5))
            low, middle = (np.abs(ordered.at(np.where(above, zeros + at, others - 1 - at))) for at in ranks)
            sizes[some[block]] = np.where(low < 0.2 * middle, 0.0, middle / np.maximum(low, 1e-300) + 1)
        return sizes[which]

    def _often_small(self, places: Ints, counts: Ints) -> Flags:
        if not len(places):
            return np.empty(0, np.bool_)
        rows, starts, lengths = self.rows.sample
        sizes, starts, lengths = np.abs(self.values[rows]), starts[places], lengths[places]
        small = np.empty(len(places), np.int64)
        (middle,) = quantiles(sizes, starts, lengths, 0.5)
        for block, cells in matrices(sizes, starts, lengths):
            small[block] = np.count_nonzero(cells < 0.1 * middle[block, None], axis=1)
        often: Flags = small > counts / 7 + 0.01 * lengths + 10
        return often

    def limits_of_steps(self, places: Ints) -> Floats:
        """Return from which size on steps of some series are unusual."""
        lengths = self.rows.lengths[places]
        return step_limits(self.steps, self.rows.starts[places], lengths, lengths)


def find_outliers(column: Column) -> Found:
    """Find values far outside the range of their series, and spikes of up to three rows that are large for its steps.

    Limits are extrapolated from the upper half of the distribution to one exceedance in a thousand series; outliers must also be
    well separated from the remaining values.
    """
    rows = column.rows
    far, spikes = _far(column), _spikes(column)
    spans = Spans.of_rows(rows, *(np.concatenate(parts) for parts in zip(far, spikes, strict=True)))
    if len(spans.firsts) and len(column.zeros):  # zeros are reported as such
        inside = np.searchsorted(column.zeros, spans.stops) - np.searchsorted(column.zeros, spans.firsts)
        zero = inside == spans.stops - spans.firsts
        zero[zero] = column.false_zeros(rows.place_of(spans.firsts[zero])) > 0
        spans = spans.take(~zero)
    yield from rows.findings(OUTLIER, spans, column.values)


def find_false_zeros(column: Column) -> Found:
    """Find zeros in series that are otherwise never near zero."""
    if len(column.zeros):
        sizes = column.false_zeros(column.rows.place_of(column.zeros))
        false = sizes > 0
        spans = Spans.of_rows(column.rows, column.zeros[false], sizes[false])
        yield from column.rows.findings(ZEROS, spans, column.values)


def find_runs(column: Column) -> Found:
    """Find runs of equal values that are long for their series and for their value; false zeros are not repeated."""
    rows, values = column.rows, column.values
    quads = values[: len(values) // _QUAD * _QUAD].reshape(-1, _QUAD)
    equal = np.flatnonzero(quads[:, 0] == quads[:, 3])
    if not len(equal):
        return
    equal = equal[(quads[equal, 1] == quads[equal, 2]) & (quads[equal, 0] == quads[equal, 1])]
    places = np.unique(rows.place_of(equal * _QUAD))
    spans = _long_runs(column, places[rows.lengths[places] >= FEWEST])
    if not len(spans.firsts):
        return
    zero = values[spans.firsts] == 0
    if zero.any():
        runs = spans.take(zero)
        runs = runs.take(column.false_zeros(rows.place_of(runs.firsts)) == 0)
        yield from rows.findings(ZERO_RUN, runs, values)
    yield from rows.findings(FROZEN, spans.take(~zero), values)


# --- outliers -------------------------------------------------------------------------------------------------


def _far(column: Column) -> tuple[Ints, Floats]:
    """Return the rows that are far outside the range of their series, and how many times they exceed its limit."""
    marked, sizes = [np.empty(0, np.int64)], [np.empty(0)]
    rows, values, places = column.rows, column.values, _may_be_far(column)
    for block, ordered in sort_series(values, rows.starts[places], rows.lengths[places]):
        middle, *limits = range_limits(ordered)
        ends = ordered.cells[:, 0], ordered.at(ordered.lengths - 1)
        for sign, limit, end in zip((-1, 1), limits, ends, strict=True):
            some = np.flatnonzero(sign * (end - middle) >= limit)
            if not len(some):
                continue
            chosen = places[block[some]]
            inside = flat_rows(rows.starts[chosen], rows.lengths[chosen])
            which = some.repeat(rows.lengths[chosen])
            away = sign * (values[inside] - middle[which])
            large = np.flatnonzero(away >= limit[which] / _APART)
            inside, which, away = inside[large], which[large], away[large]
            found = away >= _least_separated(which, away, limit)[which]
            marked.append(inside[found])
            sizes.append(away[found] / limit[which[found]])
    return np.concatenate(marked), np.concatenate(sizes)


def _may_be_far(column: Column) -> Ints:
    """Select series with a value far from the mean; long ones only if limits of a sample do not rule out a finding."""
    rows = column.rows
    picked, starts, lengths = rows.sample
    sample = column.values[picked]
    mean = np.add.reduceat(sample, starts) / lengths
    variance = np.add.reduceat(sample * sample, starts) / lengths - mean * mean
    near = np.maximum(column.high - mean, mean - column.low) <= _FAR * np.sqrt(np.maximum(variance, 0.0))
    places = np.flatnonzero((rows.lengths >= FEWEST) & ~near & (column.high > column.low))
    every = _sample_distances(rows.lengths[places])
    chosen, keep = places[every > 1], every == 1
    if len(chosen):
        inside, starts, counts = _sample_rows(rows, chosen, every[every > 1])
        possible = np.zeros(len(chosen), np.bool_)
        for block, ordered in sort_series(column.values[inside], starts, counts):
            of_block = chosen[block]
            middle, down, up = range_limits(ordered, rows.lengths[of_block])
            possible[block] = (column.high[of_block] - middle > _CLOSE * up) | (
                middle - column.low[of_block] > _CLOSE * down
            )
        keep[every > 1] = possible
    found: Ints = places[keep]
    return found


def _spikes(column: Column) -> tuple[Ints, Floats]:
    """Return the rows of short spikes that are large for the steps of their series, and how many times they exceed its limit."""
    rows, values = column.rows, column.values
    places = _may_have_spikes(column)
    if not len(places):
        return np.empty(0, np.int64), np.empty(0)
    limits = np.full(len(rows.lengths), np.inf)
    limits[places] = column.limits_of_steps(places)
    into, out = _excursions(column, limits / _APART)
    place, sizes = rows.place_of(into), np.minimum(column.steps[into], column.steps[out])
    large = sizes >= _least_separated(place, sizes, limits)[place]
    into, out, place, sizes = into[large], out[large], place[large], sizes[large]
    if not len(into):
        return into, sizes
    chosen, which = np.unique(place, return_inverse=True)
    low, high = quantiles(values, rows.starts[chosen], rows.lengths[chosen], 0.01, 0.99)[:, which]
    inside = np.stack([values[np.minimum(into + 1 + at, out)] for at in range(_LONGEST_SPIKE)])
    deep = (inside.min(axis=0) < low) | (inside == 0).all(axis=0)
    outside = np.where(values[into + 1] > values[into], inside.max(axis=0) > high, deep)
    into, lengths = into[outside], (out - into)[outside]
    return flat_rows(into + 1, lengths), (sizes[outside] / limits[place[outside]]).repeat(lengths)


def _may_have_spikes(column: Column) -> Ints:
    """Select series with a large step; long ones only if limits of a sample do not rule out a spike."""
    rows, steps = column.rows, column.steps
    largest = np.maximum.reduceat(steps, rows.starts)
    mean = np.add.reduceat(steps, rows.starts) / rows.lengths
    places = np.flatnonzero(
        (rows.lengths >= FEWEST) & (largest > _LARGE_STEP * mean) & (column.high > column.low)
    )
    every = _sample_distances(rows.lengths[places])
    chosen, keep = places[every > 1], every == 1
    if len(chosen):
        inside, starts, counts = _sample_rows(rows, chosen, every[every > 1])
        limits = np.full(len(rows.lengths), np.inf)
        limits[chosen] = _CLOSE * step_limits(steps[inside], starts, counts, rows.lengths[chosen])
        into, _ = _excursions(column, limits)
        keep[every > 1] = np.isin(chosen, rows.place_of(into))
    found: Ints = places[keep]
    return found


def _excursions(column: Column, limits: Floats) -> tuple[Ints, Ints]:
    """Return the rows before two steps beyond a limit of their series, in opposite directions and up to three rows apart."""
    rows, values = column.rows, column.values
    large = np.flatnonzero(column.steps > limits.repeat(rows.lengths))
    into, out = large[:-1], large[1:]
    near = (out - into <= _LONGEST_SPIKE) & (rows.place_of(into) == rows.place_of(out))
    into, out = into[near], out[near]
    opposite = (values[into + 1] > values[into]) != (values[out + 1] > values[out])
    return into[opposite], out[opposite]


def _sample_distances(lengths: Ints) -> Ints:
    """Return the distance of sampled rows that meet all hours and weekdays; 1 for short series."""
    every, back = np.unique(lengths // _SAMPLE, return_inverse=True)
    distances = [
        next(at for at in range(each, 2 * each + 42) if math.gcd(at, 42) == 1) for each in every.tolist()
    ]
    return np.where(lengths // _SAMPLE < 4, 1, np.array(distances, np.int64)[back])


def _sample_rows(rows: Rows, places: Ints, every: Ints) -> tuple[Ints, Ints, Ints]:
    """Return sampled rows of some series, and where those of each series start and how many there are."""
    counts = -(-rows.lengths[places] // every)
    starts = offsets_of(counts)
    number = np.arange(counts.sum()) - starts.repeat(counts)
    return rows.starts[places].repeat(counts) + number * every.repeat(counts), starts, counts


def _least_separated(place: Ints, sizes: Floats, limits: Floats) -> Floats:
    """Return for each series the smallest size from its limit on that is well above the next smaller one, or infinity.

    `sizes` are those from a part of the limit on, each of the series `place`.
    """
    order = np.lexsort((sizes, place))
    place, sizes = place[order], sizes[order]
    limit = limits[place]
    before = np.append(0.0, sizes[:-1])
    first = np.append(True, place[1:] != place[:-1])[: len(place)]
    before = np.where(first, limit / _APART, before[: len(place)])
    apart = np.flatnonzero((sizes >= limit) & (sizes >= _APART * before))[::-1]
    least = np.full(len(limits), np.inf)
    least[place[apart]] = sizes[apart]  # of several, the last and smallest
    return least


# --- runs -----------------------------------------------------------------------------------------------------


def _long_runs(column: Column, places: Ints) -> Spans:
    """Return the runs of equal values of some series that are long for the series and for their value."""
    if not len(places):
        return Spans.none()
    firsts, lengths, which = _runs_of(column, places)
    several = lengths > 1
    total = np.bincount(which, minlength=len(places))
    limits = np.maximum(_SHORTEST_RUN, _LONGER * _usual_lengths(which[several], lengths[several], total))
    firsts, lengths, which = firsts[several], lengths[several], which[several]
    suspect = np.zeros(len(places), np.bool_)
    suspect[which[lengths >= limits[which]]] = True
    if not suspect.any():
        return Spans.none()
    own = suspect[which]
    firsts, lengths, which = firsts[own], lengths[own], which[own]
    values = column.values[firsts]
    order = np.lexsort((lengths, values, which))
    firsts, lengths, which, values = firsts[order], lengths[order], which[order], values[order]
    start = np.append(0, np.flatnonzero((np.diff(which) != 0) | (values[1:] != values[:-1])) + 1)
    counts = np.diff(np.append(start, len(lengths)))
    at = np.flatnonzero(lengths >= limits[which])
    alike = np.searchsorted(start, at, side="right") - 1
    others = counts[alike] - 1
    rank = start[alike] + rank_of(0.9, others)
    rank = np.minimum(rank + (rank >= at), len(lengths) - 1)  # without the run itself
    usual = limits[which[at]]
    usual = np.where(others >= 3, np.maximum(usual, _LONGER * lengths[rank]), usual)
    found = at[lengths[at] >= usual]
    found_usual = usual[lengths[at] >= usual]
    order = np.argsort(firsts[found])
    found, found_usual = found[order], found_usual[order]
    return Spans(firsts[found], firsts[found] + lengths[found], lengths[found] / found_usual)


def _runs_of(column: Column, places: Ints) -> tuple[Ints, Ints, Ints]:
    """Return first row, length and index into `places` of all runs of equal values of some series."""
    rows = column.rows
    same = np.empty(len(column.values), np.bool_)
    np.equal(column.values[1:], column.values[:-1], out=same[:-1])
    same[rows.breaks] = False
    inside = flat_rows(rows.starts[places], rows.lengths[places])
    lasts = np.flatnonzero(~same[inside])
    lengths = np.diff(lasts, prepend=-1)
    which = np.searchsorted(np.cumsum(rows.lengths[places]), lasts, side="right")
    return inside[lasts] - lengths + 1, lengths, which


def _usual_lengths(which: Ints, lengths: Ints, total: Ints) -> Ints:
    """Return the quantile 0.99 of the lengths of all runs of each series; given are those of two rows or more."""
    ordered = np.sort((which << 32) + lengths) & ((1 << 32) - 1)  # by series, then by length
    counts = np.bincount(which, minlength=len(total))
    rank = rank_of(0.99, total) - (total - counts)
    usual = np.ones(len(total), np.int64)
    longer = rank >= 0
    usual[longer] = ordered[(offsets_of(counts) + rank)[longer]]
    return usual
