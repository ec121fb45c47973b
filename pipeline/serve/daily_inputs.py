"""What became known of a source on each day: rows, values, their sums and extremes, their delays; by series, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times, Values
from hindcast.pipeline.settings.base import DAY, HOUR

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Daily:
    """The rows of one source and group by day: S series, V values, D days of 24 hours, of which the last one ends at `moment`.

    A row belongs to the day on which it became known. `window` is the number of days that are judged, the last ones;
    `is_reference` (D,) are the days that are known to be normal.
    """

    source: str
    group: str
    series: tuple[str, ...]
    values: tuple[str, ...]
    moment: int
    window: int
    is_reference: Flags  # (D,)
    rows: Ints  # (S, D)
    present: NDArray[np.int32]  # (S, V, D)
    total: Floats  # (S, V, D)
    low: Values  # (S, V, D) inf without a value
    high: Values  # (S, V, D) -inf without a value
    again: Ints  # (S, D) rows that revise an earlier one of the same key
    delay: Floats  # (S, D) mean hours from the issue, or from the valid time, of rows that are the first of their key; NaN without rows

    @property
    def days(self) -> int:
        """D."""
        return int(self.rows.shape[1])

    @cached_property
    def first(self) -> Ints:
        """The first day with a row of each series (S,)."""
        first: Ints = np.argmax(self.rows > 0, axis=1)
        return first

    @cached_property
    def begun(self) -> Flags:
        """Whether each day is not before the first one of its series (S, D)."""
        return np.arange(self.days) >= self.first[:, None]

    @cached_property
    def is_served(self) -> Flags:
        """Whether each series had a row in the judged days or just before, within 28 days of the last one (S,)."""
        return np.asarray(self.rows[:, -28:].any(axis=1), np.bool_)

    def starts(self) -> Times:
        """Return when each day starts (D,)."""
        return self.moment - (self.days - np.arange(self.days)) * DAY


def read_daily(  # noqa: PLR0913 - what is read, and which days
    frame: pd.DataFrame,
    source: str,
    group: str,
    values: tuple[str, ...],
    *,
    moment: int,
    window: int,
    longest: int,
    reference_until: int,
) -> Daily | None:
    """Return the days of the rows of a table known at `moment` (ns UTC); None if there are none.

    Days reach back to the first row, but at most `longest` days. Reference days end at or before `reference_until`, and before the window.
    """
    known = frame["known_time"].to_numpy(np.int64)
    back = (moment - known) // DAY
    kept = np.flatnonzero((back >= 0) & (back < longest))
    if not len(kept):
        return None
    days = max(int(back[kept].max()) + 1, window)
    column = frame["series"]
    codes = column.cat.codes.to_numpy().astype(np.int64)[kept]
    used, place = np.unique(codes, return_inverse=True)
    shape = len(used), days
    at = place * days + days - 1 - back[kept]
    present, total, low, high = _of_values(frame, values, kept, at, shape)
    is_first = _firsts(frame)[kept]
    ends = moment - (days - 1 - np.arange(days)) * DAY
    judged = np.arange(days) >= days - window
    return Daily(
        source=source,
        group=group,
        series=tuple(str(column.cat.categories[code]) for code in used.tolist()),
        values=values,
        moment=moment,
        window=window,
        is_reference=(ends <= reference_until) & ~judged,
        rows=np.bincount(at, minlength=shape[0] * days).reshape(shape),
        present=present,
        total=total,
        low=low,
        high=high,
        again=np.bincount(at[~is_first], minlength=shape[0] * days).reshape(shape),
        delay=_delays(frame, kept, at[is_first], is_first, shape),
    )


def _of_values(
    frame: pd.DataFrame, values: tuple[str, ...], kept: Ints, at: Ints, shape: tuple[int, int]
) -> tuple[NDArray[np.int32], Floats, Values, Values]:
    cube = shape[0], len(values), shape[1]
    present, total = np.zeros(cube, np.int32), np.zeros(cube)
    low, high = np.full(cube, np.inf, np.float32), np.full(cube, -np.inf, np.float32)
    for number, value in enumerate(values):
        column = frame[value].to_numpy(np.float64)[kept]
        there = np.isfinite(column)
        own, column = at[there], column[there]
        size = shape[0] * shape[1]
        present[:, number] = np.bincount(own, minlength=size).reshape(shape)
        total[:, number] = np.bincount(own, column, size).reshape(shape)
        for made, extreme, empty in ((low, np.minimum, np.inf), (high, np.maximum, -np.inf)):
            flat = np.full(size, empty, np.float32)
            extreme.at(flat, own, column.astype(np.float32))
            made[:, number] = flat.reshape(shape)
    return present, total, low, high


def _firsts(frame: pd.DataFrame) -> Flags:
    """Return which rows are the first ones of their keys: a table is sorted by them, then by the known time."""
    keys = [name for name in ("series", "member", "issue_time", "valid_time") if name in frame.columns]
    return np.asarray(~frame[keys].duplicated().to_numpy(), np.bool_)


def _delays(frame: pd.DataFrame, kept: Ints, at: Ints, is_first: Flags, shape: tuple[int, int]) -> Floats:
    since = "issue_time" if "issue_time" in frame.columns else "valid_time"
    rows = kept[is_first]
    hours = (frame["known_time"].to_numpy(np.int64)[rows] - frame[since].to_numpy(np.int64)[rows]) / HOUR
    size = shape[0] * shape[1]
    count = np.bincount(at, minlength=size)
    sums = np.bincount(at, hours, size)
    with np.errstate(invalid="ignore"):
        return np.asarray((sums / np.where(count, count, np.nan)).reshape(shape), np.float64)
