"""Calibrated intervals: the bounds of a forecast are moved by quantiles of the errors that were known at its origin.

The method is conformalized quantile regression (Romano, Patterson and Candès 2019, arXiv:1905.03222), with errors in units of the
width of the interval (CQR-r; Sesia and Candès 2020, arXiv:1909.05433) and a moving window in place of one calibration set. For
data that drift, past misses of the intervals themselves correct the next ones, as in adaptive conformal inference (Gibbs and Candès 2021,
arXiv:2106.00170): here by a factor of their width, which needs no state. A forecast without quantiles has bounds that are equal, so its
intervals are quantiles of its errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hindcast.pipeline.align.asof import block_starts, changes, last_at_most
from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.feed.lead_bands import lead_bands
from hindcast.pipeline.settings.base import DAY, HOUR

WINDOW = 60 * DAY
"""How long an error counts after it became known."""
RECENT = 30 * DAY
"""How long a miss of an interval, or its absence, counts."""
FEWEST = 100
"""Cells with fewer errors take those of the next larger cell."""

_LEAST_WIDTH = 0.01  # of the mean size of the measured values: added to each width, which may be 0


@dataclass(frozen=True)
class Forecasts:
    """R forecasts of one target and I pairs of bounds, ascending outwards: pair i is to have the nominal coverage i.

    `series` and `group` are numbers, `lead` is the time from the origin to the start of the step in ns; `low` and `high` are
    (R, I), both equal to the forecast if there are no quantiles.
    """

    series: Ints
    group: Ints
    origin: Times
    lead: Times
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Measured:
    """E values that became known: value e is that of forecast `row[e]`, and was known at `known[e]`.

    A forecast has one for each revision that changed the value, or none.
    """

    row: Ints
    known: Times
    value: Floats


def calibrate(forecasts: Forecasts, measured: Measured, coverages: Sequence[float], wanted: Ints) -> Floats:
    """Return the calibrated bounds (wanted, I, 2) of some forecasts; NaN where fewer than `FEWEST` errors were known.

    A forecast's errors are those of earlier origins that were known at its origin, not longer ago than `WINDOW`. They are those of its series
    and lead; with fewer than `FEWEST`, of its series and band of leads, then of its group and band, of all series and the band, of all.
    The half widths are then multiplied by the quantile of the ratios of distance to half width at the intervals of the group that
    became known in the `RECENT` time before the origin (with fewer than `FEWEST`: of all; without them by 1).
    """
    if not len(wanted):
        return np.empty((0, len(coverages), 2))
    # a value may be known before a forecast of it is made, and then its error counts for later origins
    known = np.maximum(measured.known, forecasts.origin[measured.row] + 1)
    origin = forecasts.origin[wanted]
    recent = np.flatnonzero((known > origin.min() - RECENT) & (known <= origin.max()))
    rows = np.unique(np.concatenate([wanted, measured.row[recent]]))
    middle, half = _first_bounds(forecasts, measured, known, coverages, rows)
    of_event, of_wanted = np.searchsorted(rows, measured.row[recent]), np.searchsorted(rows, wanted)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(measured.value[recent][:, None] - middle[of_event]) / half[of_event]
    ratio[~np.isfinite(ratio)] = np.nan
    events = (measured.row[recent], known[recent], ratio)
    factor = _pooled(
        (forecasts.group, np.zeros_like(forecasts.group)), events, (wanted, origin), coverages, RECENT
    )
    half = half[of_wanted] * np.where(np.isnan(factor), 1.0, factor)
    middle, count = middle[of_wanted], len(coverages)
    ends = np.concatenate([(middle - half)[:, ::-1], middle + half], axis=1)
    ends.sort(axis=1)  # of two intervals, the one with the larger coverage contains the other
    return np.stack([ends[:, :count][:, ::-1], ends[:, count:]], axis=2)


def at_quantile(forecasts: Forecasts, measured: Measured, level: float, wanted: Ints) -> Floats:
    """Return some forecasts moved by a quantile of their errors (wanted,); NaN where fewer than `FEWEST` errors were known.

    Both bounds of a forecast are the forecast. The errors are those of `calibrate`, in units of the mean size of the measured values of the series.
    """
    if not len(wanted):
        return np.empty(0)
    known = np.maximum(measured.known, forecasts.origin[measured.row] + 1)
    size, value = _Sizes(forecasts, measured, known), forecasts.low[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        scores = (measured.value - value[measured.row]) / size.of_events()
    scores[~np.isfinite(scores)] = np.nan
    events, origin = (measured.row, known, scores[:, None]), forecasts.origin[wanted]
    moves = _pooled(_cells(forecasts), events, (wanted, origin), [level], WINDOW)[:, 0]
    return value[wanted] + moves * size.at(forecasts.series[wanted], origin)


def _first_bounds(
    forecasts: Forecasts, measured: Measured, known: Times, coverages: Sequence[float], rows: Ints
) -> tuple[Floats, Floats]:
    """Return the middle and half the width (row, I) of the intervals that the quantiles of errors give."""
    origin, size = forecasts.origin[rows], _Sizes(forecasts, measured, known)
    events = (measured.row, known, _scores(forecasts, measured, size.of_events()))
    levels = [(1 + coverage) / 2 for coverage in coverages]
    moves = _pooled(_cells(forecasts), events, (rows, origin), levels * 2, WINDOW)
    low, high = forecasts.low[rows], forecasts.high[rows]
    width = high - low + _LEAST_WIDTH * size.at(forecasts.series[rows], origin)[:, None]
    low, high = low - moves[:, : len(levels)] * width, high + moves[:, len(levels) :] * width
    return (low + high) / 2, np.abs(high - low) / 2


def _cells(forecasts: Forecasts) -> Iterator[Ints]:
    """Yield the number of the cell of each forecast, from the smallest cells to one with all."""
    hours, bands = np.floor_divide(forecasts.lead, HOUR), lead_bands(forecasts.lead)
    for part, leads in (
        (forecasts.series, hours),
        (forecasts.series, bands),
        (forecasts.group, bands),
        (np.zeros_like(bands), bands),
    ):
        low, high = int(leads.min(initial=0)), int(leads.max(initial=0))
        yield part.astype(np.int64) * (high - low + 1) + leads - low
    yield np.zeros(len(bands), np.int64)


def _scores(forecasts: Forecasts, measured: Measured, size: Floats) -> Floats:
    """Return by how many widths each value lies below the lower and above the upper bounds: (E, 2I); NaN without a width."""
    low, high = forecasts.low[measured.row], forecasts.high[measured.row]
    width = high - low + _LEAST_WIDTH * size[:, None]
    width[~(width > 0)] = np.nan
    value = measured.value[:, None]
    return np.concatenate([(low - value) / width, (value - high) / width], axis=1)


def _pooled(
    cells: Iterable[Ints],
    events: tuple[Ints, Times, Floats],
    wanted: tuple[Ints, Times],
    levels: Sequence[float],
    window: int,
) -> Floats:
    """Return a quantile of each column of the events' scores (wanted, column), from the first of `cells` that has `FEWEST` of them.

    `cells` give the cell of each forecast. `events` are rows, known times and scores (E, column), `wanted` rows and origins; the
    level of column i is `levels[i]`. NaN where all cells have too few events known in the `window` before the origin.
    """
    (row, known, scores), (rows, origin) = events, wanted
    made = np.full((len(rows), scores.shape[1]), np.nan)
    kept = np.flatnonzero(
        (known > origin.min() - window) & (known <= origin.max()) & ~np.isnan(scores).any(axis=1)
    )
    for cell in cells:
        open_ = np.flatnonzero(np.isnan(made[:, 0]))
        if not len(open_) or not len(kept):
            break
        asked = (cell[rows[open_]], origin[open_])
        inside = kept[np.isin(cell[row[kept]], asked[0])]
        made[open_] = _quantiles((cell[row[inside]], known[inside], scores[inside]), asked, levels, window)
    return made


def _quantiles(
    events: tuple[Ints, Times, Floats], asked: tuple[Ints, Times], levels: Sequence[float], window: int
) -> Floats:
    """Return the quantiles (asked, column) of the scores of a cell that were known in (origin - window, origin]; NaN for too few.

    The quantile of n scores is the one at rank ceil(level * (n - 1)) from 0, at most one below that of the theorem.
    """
    (cell, known, scores), (cells, origin) = events, asked
    order = np.lexsort((origin, cells))
    first = changes(cells[order], origin[order])
    questions = order[
        first
    ]  # each cell and origin once: a row without a score, behind the events known at its origin
    names = np.concatenate([cell, cells[questions]])
    times = np.concatenate([known, origin[questions]])
    is_question = np.arange(len(names)) >= len(cell)
    sorted_ = np.lexsort((is_question, times, names))
    values = np.concatenate([scores, np.full((len(questions), scores.shape[1]), np.nan)])[sorted_]
    rolling = (
        pd.DataFrame(values, index=pd.to_datetime(times[sorted_]))
        .groupby(names[sorted_])
        .rolling(pd.Timedelta(window, "ns"), min_periods=FEWEST)
    )
    asked_at = is_question[sorted_]
    made = np.empty((len(cells), scores.shape[1]))
    for column, level in enumerate(levels):
        found = rolling[column].quantile(level, interpolation="higher").to_numpy()
        made[order, column] = found[asked_at][np.cumsum(first) - 1]
    return made


class _Arrivals:
    """Events in the order of (cell, known), and the newest one of a cell at a moment."""

    def __init__(self, cell: Ints, known: Times, cells: int) -> None:
        self.order = np.lexsort((known, cell))
        self.known, self.start = known[self.order], block_starts(cell[self.order], cells)

    def last(self, cell: Ints, moment: Times) -> Ints:
        """Return the place in the order of the newest event known at each moment; -1 if there is none."""
        first = self.start[cell]
        found = last_at_most(self.known, first, self.start[cell + 1], moment)
        return np.where(found >= first, found, -1)


class _Sizes:
    """The mean absolute measured value of each series, as known at a moment: what widths of different series are compared by."""

    def __init__(self, forecasts: Forecasts, measured: Measured, known: Times) -> None:
        self._series, self._known = forecasts.series[measured.row], known
        count = int(forecasts.series.max(initial=-1)) + 1
        self._arrivals = _Arrivals(self._series, known, count)
        order = self._arrivals.order
        sizes = pd.Series(np.abs(measured.value[order])).groupby(self._series[order])
        self._means = sizes.cumsum().to_numpy() / (sizes.cumcount().to_numpy() + 1)

    def at(self, series: Ints, moment: Times) -> Floats:
        """Return the mean of each series at a moment; NaN if no value was known."""
        last = self._arrivals.last(series, moment)
        found = self._means.take(last, mode="clip") if len(self._means) else np.full(len(last), np.nan)
        return np.where(last >= 0, found, np.nan)

    def of_events(self) -> Floats:
        """Return the mean at the time at which each value became known (E,)."""
        return self.at(self._series, self._known)
