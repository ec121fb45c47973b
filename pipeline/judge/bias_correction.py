"""The published forecast corrected for its bias: by a rolling slope and bias of each series, and a bias of each hour of the day.

At each origin, the errors of the published forecast that became known in the `WINDOW` before it give, for each series and track,
a least squares line from the forecast to its error, and for each hour of the day the mean of what the line leaves. The correction is the
sum of three terms: the mean error, the slope times the forecast's distance from its mean, and the mean rest of the hour. Each term
t is multiplied by t^2 / (t^2 + v), where v is the variance of its estimate: a term that the errors do not prove is shrunk to 0, and with few errors
the corrected forecast is the published one (the shrinkage of Efron and Morris 1973, with the square of the estimate in the place of the
variance of the truth). Errors of one day depend on each other, so a day counts as one observation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times
from hindcast.pipeline.judge.calibration import Measured
from hindcast.pipeline.judge.running_sums import RunningSums
from hindcast.pipeline.settings.base import DAY, HOUR

WINDOW = 28 * DAY
"""How long an error counts after it became known: whole weeks, so that each day of the week counts as often as the others."""
USUAL, LIMIT = 0.9, 1.5
"""The size of an error is limited to 1.5 times the 0.9 quantile of the sizes known with it: wrong values then move little."""

_FLAT = 1e-9  # of the mean square: with less variance than this a forecast does not vary, and has no slope


@dataclass(frozen=True)
class Issued:
    """R published forecasts: `cell` is the number of the series and track, `time` the label of the step as local wall time (ns)."""

    cell: Ints
    time: Times
    origin: Times
    value: Floats

    @property
    def hour(self) -> Ints:
        """The hour of the day of each step."""
        return np.floor_divide(self.time % DAY, HOUR)


def correct(past: Issued, measured: Measured, wanted: Issued, cells: int) -> Floats:
    """Return the corrected forecasts (wanted,), from the errors of `past` forecasts that were known at each origin.

    `measured.row` is a row of `past`, whose rows are ordered by (cell, time) and have a value each. A later revision takes the place of
    the value before, from when it was known. NaN where `wanted` has no value.
    """
    begin, end = _counted(past, measured)
    cell, x = past.cell[measured.row], _centred(past, past, cells)[measured.row]
    error = _limited(measured.value - past.value[measured.row], cell, begin)
    new_day, new_hour = _firsts(past)
    columns = [np.ones_like(x), x, error, x * x, x * error, error * error, new_day[measured.row]]
    whole = RunningSums(cell, begin, end, np.stack(columns, axis=1), cells)
    at = _centred(wanted, past, cells)
    line = _Line.of(whole.at(wanted.cell, wanted.origin))
    by_hour = RunningSums(
        cell * 24 + past.hour[measured.row],
        begin,
        end,
        np.stack([*columns[:3], new_hour[measured.row]], axis=1),
        cells * 24,
    )
    rest = line.rest(by_hour.at(wanted.cell * 24 + wanted.hour, wanted.origin))
    return wanted.value + line.bias + line.slope * (at - line.middle) + rest


def _counted(past: Issued, measured: Measured) -> tuple[Times, Times]:
    """Return from when until when each value counts: until the next revision, at most `WINDOW` after the first value."""
    # a value may be known before a forecast of it is made, and then its error counts for later origins
    known = np.maximum(measured.known, past.origin[measured.row] + 1)
    same = measured.row[1:] == measured.row[:-1]  # revisions follow one another
    first = np.ones(len(known), np.bool_)
    first[1:] = ~same
    last = known[first][np.cumsum(first) - 1] + WINDOW
    following = last.copy()
    following[:-1][same] = known[1:][same]
    return known, np.minimum(following, last)


def _centred(rows: Issued, past: Issued, cells: int) -> Floats:
    """Return the values less the first one of their cell: sums of squares of large numbers would lose digits."""
    first = np.zeros(cells)
    cell, at = np.unique(past.cell, return_index=True)
    first[cell] = past.value[at]
    return rows.value - first[rows.cell]


def _firsts(past: Issued) -> tuple[Floats, Floats]:
    """Return 1 for the first forecast of each cell and day, and of each cell, day and hour, else 0."""

    def changed(period: int) -> Flags:
        unit = np.floor_divide(past.time, period)
        first = np.ones(len(unit), np.bool_)
        first[1:] = (np.diff(unit) != 0) | (np.diff(past.cell) != 0)
        return first

    return changed(DAY).astype(np.float64), changed(HOUR).astype(np.float64)


def _limited(error: Floats, cell: Ints, known: Times) -> Floats:
    """Return the errors, those larger than `LIMIT` says set to the limit; a size counts for `WINDOW`."""
    order = np.lexsort((known, cell))
    sizes = pd.Series(np.abs(error)[order], index=pd.to_datetime(known[order]))
    rolling = sizes.groupby(cell[order]).rolling(pd.Timedelta(WINDOW, "ns"), min_periods=1)
    most = np.empty(len(error))
    most[order] = LIMIT * rolling.quantile(USUAL, interpolation="higher").to_numpy()
    limited: Floats = np.clip(error, -most, most)
    return limited


@dataclass(frozen=True)
class _Line:
    """The shrunk bias and slope at each origin; `mean` and `whole_slope` are not shrunk, `spread` is the variance around the line."""

    middle: Floats
    mean: Floats
    whole_slope: Floats
    bias: Floats
    slope: Floats
    spread: Floats

    @classmethod
    def of(cls, sums: Floats) -> _Line:
        """Fit the line to sums (q, 7) of 1, x, e, x^2, x e, e^2 and new days; all 0 where there is no error."""
        count = np.round(sums[:, 0])
        there = count > 0
        with np.errstate(divide="ignore", invalid="ignore"):
            x, error, square, product, error_square = (sums[:, place] / count for place in range(1, 6))
            width = square - x * x
            slope = np.where(width > _FLAT * square, (product - x * error) / width, 0.0)
            variance = np.maximum(error_square - error * error, 0.0)
            spread = np.maximum(variance - slope * (product - x * error), 0.0)
            days = np.maximum(np.round(sums[:, 6]), 1.0)
            bias, shrunk = _shrunk(error, variance / days), _shrunk(slope, spread / (width * days))
        return cls(*(np.where(there, each, 0.0) for each in (x, error, slope, bias, shrunk, spread)))

    def rest(self, sums: Floats) -> Floats:
        """Return the shrunk mean of what the line leaves of the errors of an hour, from sums (q, 4) of 1, x, e and new hours."""
        count = np.round(sums[:, 0])
        with np.errstate(divide="ignore", invalid="ignore"):
            left = sums[:, 2] / count - self.mean - self.whole_slope * (sums[:, 1] / count - self.middle)
        left = np.where(count > 0, left, 0.0)
        return _shrunk(left, self.spread / np.maximum(np.round(sums[:, 3]), 1.0))


def _shrunk(term: Floats, variance: Floats) -> Floats:
    """Return term^3 / (term^2 + variance); 0 where this has no value."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        made = term / (1.0 + variance / (term * term))
    return np.where(np.isfinite(made), made, 0.0)
