"""Local time as arithmetic on int64 nanoseconds, exact on days of 23 and 25 hours.

A wall timestamp is the local date and time, as nanoseconds since 1970-01-01 00:00.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from hindcast.pipeline.arrays import TIME_MIN, Times
from hindcast.pipeline.settings.base import DAY, HOUR, SECOND, Duration

_FIRST_YEAR, _LAST_YEAR = 1900, 2200
_SKIPPED = 20 * HOUR  # no change of the clocks is as long


def wall_of(times: Times, zone: str) -> Times:
    """Convert UTC timestamps to wall timestamps of `zone`."""
    return times + _offset(times, zone)


def utc_of(wall: Times, zone: str, *, skips_days: bool = True) -> Times:
    """Convert wall timestamps of `zone` to UTC timestamps.

    A wall time that occurs twice (autumn) is read as its first occurrence; a time that does not occur (spring) is moved
    later by the length of the jump. POSIX and `datetime` with `fold=0` do the same.

    Where a zone moved across the date line and skipped a whole day (Samoa, 30 December 2011), the clocks went on as usual.
    Without `skips_days`, the dates before it are one day later, so that every day of this calendar exists.
    """

    def offset(times: Times) -> Times:
        return _offset(times, zone, skips_days=skips_days)

    before, after = offset(wall - DAY), offset(wall + DAY)
    early, late = wall - before, wall - after
    early_holds, late_holds = offset(early) == before, offset(late) == after
    return np.where(early_holds | ~late_holds, early, late)


def lagged(times: Times, lag: Duration, zone: str) -> Times:
    """Return the times that lie `lag` before `times`, counted in local days if the lag is written in days."""
    if lag.days is None:
        return times - lag.ns
    return utc_of(wall_of(times, zone) - lag.days * DAY, zone)


def local_day(times: Times, zone: str) -> Times:
    """Return the local day of each UTC timestamp, as days since 1970-01-01."""
    return np.floor_divide(wall_of(times, zone), DAY)


def moment_of_day(days: Times, nanoseconds: int, zone: str) -> Times:
    """Return the UTC timestamp at which clocks in `zone` show `nanoseconds` after midnight on each local day."""
    return utc_of(days * DAY + nanoseconds, zone)


def _offset(times: Times, zone: str, *, skips_days: bool = True) -> Times:
    starts, offsets = _transitions(zone)
    if not skips_days:
        offsets = _offsets_without_skips(zone)
    return offsets[np.searchsorted(starts, times, side="right") - 1]


@lru_cache(maxsize=256)
def _offsets_without_skips(zone: str) -> Times:
    """Return the offsets of `_transitions`, those before each skipped day one day larger."""
    _, offsets = _transitions(zone)
    skips = np.append(np.diff(offsets) >= _SKIPPED, False)
    later: Times = np.cumsum(skips[::-1])[::-1]
    return offsets + DAY * later


@lru_cache(maxsize=256)
def _transitions(zone: str) -> tuple[Times, Times]:
    """Return the times at which each UTC offset begins (the first is before all times), and the offsets."""
    clock = ZoneInfo(zone)

    def offset(second: int) -> int:
        delta = datetime.fromtimestamp(second, UTC).astimezone(clock).utcoffset()
        assert delta is not None  # a ZoneInfo always has an offset
        return round(delta.total_seconds())

    week = 7 * 86400
    begin = int(datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(_LAST_YEAR, 1, 1, tzinfo=UTC).timestamp())
    starts, offsets = [TIME_MIN], [offset(begin)]
    for left in range(begin, end, week):
        for second in _changes(left, min(left + week, end), offset):
            starts.append(second * SECOND)
            offsets.append(offset(second))
    return np.array(starts, np.int64), np.array(offsets, np.int64) * SECOND


def _changes(left: int, right: int, offset: Callable[[int], int]) -> list[int]:
    """Return the second in (left, right] at which the offset changes; the span is too short for two changes."""
    if offset(left) == offset(right):
        return []
    while right - left > 1:
        middle = (left + right) // 2
        if offset(middle) == offset(left):
            left = middle
        else:
            right = middle
    return [right]
