"""Tells values that count up, such as the readings of a meter, from levels that rise and fall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times
from hindcast.pipeline.inspect.column_types import most_frequent
from hindcast.pipeline.settings.base import DAY

_LEAST_CHANGES = 6  # of one series
_LEAST_RISES = 0.05  # share of the steps: others are idle
_FEW_FALLS = 0.02  # share of the changes
_FROM_ONE_FALL = 24  # changes of a series of which one may be a fall
_MOST_STARTS = 0.2  # share of the changes, of falls to almost 0
_MOST_GLITCHES = 0.05  # share of the readings
_LEVEL = 2  # times the usual rise that the largest reading is at least
_MOST_ALIKE = 0.9  # share of the most frequent rise, if nearly all steps rise
_USUAL_RISES = 10  # times the usual rise that the amount past a start is at most
_LEAST_PARTS = 4  # times that the amount past a rollover fits into it
_MEDIAN_RISES = 3  # times the usual rise that half of the amounts past a rollover are at most
_LEAST_STARTS = 3  # different days that show that starts come at one time of the day
_BINARY = (
    2.0**16,
    2.0**24,
    2.0**31,
    2.0**32,
)  # counts of registers; meters with digits start again at a power of ten


@dataclass(frozen=True, eq=False)
class Falls:
    """Falls of readings that count up: the reading before and after each, and the amount that is usual in the time between."""

    before: Floats
    after: Floats
    usual: Floats
    clock: str | None
    """The time of the day at which each reading after a fall was taken, if it is the same for several falls of readings within a day."""

    @property
    def rollover(self) -> float | None:
        """The smallest count of a register or of digits that explains all falls; None if there is none."""
        largest = float(self.before.max(initial=0.0))
        if largest <= 0 or self.clock is not None:
            return None
        power = 10.0 ** np.ceil(np.log10(largest))
        candidates = sorted((power, power * 10, *_BINARY))  # the largest reading may be the power itself
        return next((one for one in candidates if self._explained_by(one)), None)

    def _explained_by(self, rollover: float) -> bool:
        """Return whether each fall is a rollover: what was counted past it is not much more than usual."""
        again = self.after + rollover - self.before
        most = np.minimum(_USUAL_RISES * self.usual, rollover / _LEAST_PARTS)
        fits = (self.before <= rollover).all() and (again <= most).all()
        return bool(fits and np.median(again / self.usual) <= _MEDIAN_RISES)


@dataclass(frozen=True, eq=False)
class Rises:
    """How values count up: the number of series that do, of those with enough changes, and the rises and falls of these.

    `outside` are readings below the one before or above the one after, although these two do not fall; they are left out.
    """

    series: int
    examined: int
    rises: int
    outside: Floats
    falls: Falls

    @property
    def changes(self) -> int:
        """The number of rises and falls."""
        return self.rises + len(self.falls.before)


def find_rises(codes: Ints, times: Times, numbers: Floats) -> Rises | None:
    """Return how the values of series count up; None unless at least half of the series with enough changes do.

    `codes` are the numbers of the series from 0, `times` are in ns, and `numbers` hold no NaN: (rows,) each.
    """
    codes, times, numbers = _in_order(codes, times, numbers)
    outside = _lie_outside(codes, numbers)
    count = int(codes.max(initial=-1)) + 1
    strange, all_readings = np.bincount(codes[outside], minlength=count), np.bincount(codes, minlength=count)
    glitches = codes[outside], numbers[outside]
    codes, times, numbers = codes[~outside], times[~outside], numbers[~outside]
    same = codes[1:] == codes[:-1]
    of, steps, before, after = codes[1:][same], np.diff(numbers)[same], numbers[:-1][same], numbers[1:][same]
    up, down = steps > 0, steps < 0
    if not up.any():
        return None
    rises, falls = (np.bincount(of[each], minlength=count) for each in (up, down))
    usual = _by_series(of[up], steps[up], count, "median")
    near = after <= _USUAL_RISES * usual[of]
    far = np.bincount(of[down & ~near], minlength=count)
    changes = rises + falls
    few = falls <= np.maximum(_FEW_FALLS * changes, changes >= _FROM_ONE_FALL)
    starts = (far == 0) & (falls <= _MOST_STARTS * changes)
    examined = changes >= _LEAST_CHANGES
    high = _by_series(codes, np.abs(numbers), count, "max") > _LEVEL * usual
    some = rises >= _LEAST_RISES * np.bincount(of, minlength=count)
    counting = examined & (few | starts) & high & some & (strange <= _MOST_GLITCHES * all_readings)
    if not counting.any() or 2 * counting.sum() < examined.sum():
        return None
    kept = counting[of]
    if _counts_rows(steps[kept]):
        return None
    length = _by_series(of, np.diff(times)[same].astype(np.float64), count, "median")
    fallen = kept & down
    between = usual[of] * np.maximum(1.0, np.diff(times)[same] / np.maximum(length[of], 1.0))
    clock = _clock_of(times[1:][same][fallen], times)
    found = Falls(before[fallen], after[fallen], between[fallen], clock)
    shown = glitches[1][counting[glitches[0]]]
    return Rises(int(counting.sum()), int(examined.sum()), int(rises[counting].sum()), shown, found)


def _in_order(codes: Ints, times: Times, numbers: Floats) -> tuple[Ints, Times, Floats]:
    """Sort readings by series and time; of those of one time, the last in the files stays."""
    order = np.lexsort((times, codes))
    codes, times, numbers = codes[order], times[order], numbers[order]
    last = np.append((codes[1:] != codes[:-1]) | (times[1:] != times[:-1]), np.ones(min(len(codes), 1), bool))
    return codes[last], times[last], numbers[last]


def _lie_outside(codes: Ints, numbers: Floats) -> Flags:
    """Return the readings that are the only ones to fall: without them, their neighbours do not."""
    found = np.zeros(len(codes), np.bool_)
    before, own, after = numbers[:-2], numbers[1:-1], numbers[2:]
    found[1:-1] = (codes[2:] == codes[:-2]) & (before <= after) & ((own < before) | (own > after))
    return found


def _by_series(codes: Ints, numbers: Floats, count: int, statistic: str) -> Floats:
    """Return a statistic for each series, 0 for those without numbers."""
    grouped = pd.Series(numbers).groupby(codes).agg(statistic)
    result: Floats = grouped.reindex(range(count), fill_value=0.0).to_numpy(np.float64)
    return result


def _counts_rows(steps: NDArray[np.float64]) -> bool:
    """Return whether nearly all steps are the same rise: they number rows."""
    step, share = most_frequent(np.round(steps, 6))
    return bool(step > 0 and share > _MOST_ALIKE)


def _clock_of(starts: Times, times: Times) -> str | None:
    """Return the time of the day of all starts, if readings are taken at several times of the day."""
    clock = np.unique(starts % DAY)
    if (
        len(np.unique(starts // DAY)) < _LEAST_STARTS
        or len(clock) > 1
        or len(np.unique(times % DAY)) < _LEAST_CHANGES
    ):
        return None
    return str(np.datetime64(int(clock[0]), "ns"))[11:16]
