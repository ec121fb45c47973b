"""Values beyond the limits that the settings declare, and the moment from which each of them counts as missing.

A moment depends only on the row itself and on rows known by then, so rows that become known later change nothing before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.align.asof import changes, last_at_most
from hindcast.pipeline.arrays import TIME_MAX, Flags, Floats, Ints, Times
from hindcast.pipeline.settings.fields import LIMITS, FlagLimits

NOT_FLAGGED = TIME_MAX
"""The moment of a row that is never flagged."""

_MOST_PASSES = 8  # rows that arrive out of order are read again; nobody revises a value more often than this


@dataclass(frozen=True)
class RowFlags:
    """For each of R rows of a value: from when it counts as missing, and the limit that it violates (index in LIMITS, or -1)."""

    moment: Times
    limit: NDArray[np.int8]

    def take(self, kept: Ints) -> RowFlags:
        """Return the flags of the rows at these indices."""
        return RowFlags(self.moment[kept], self.limit[kept])

    def counts(self) -> dict[str, int]:
        """Return the number of values beyond each limit."""
        numbers = np.bincount(self.limit[self.limit >= 0], minlength=len(LIMITS))
        return dict(zip(LIMITS, numbers.tolist(), strict=True))


def flag_rows(
    values: Floats, keys: tuple[Ints, ...], stamps: tuple[Times, Times], limits: FlagLimits, step: int
) -> RowFlags:
    """Flag the rows (R,) of a value.

    `stamps` are (valid, known). A run lies within the rows that have the same `keys` (the series; the issue time too, if
    there is one) and follow one another by at most `step` ns. It is recognised when the row that completes its length
    becomes known: its rows count as missing from then on, later ones as soon as they are known.
    """
    _, known = stamps
    flags = RowFlags(np.full(len(values), NOT_FLAGGED), np.full(len(values), -1, np.int8))
    with np.errstate(invalid="ignore"):  # NaN is beyond no limit
        for name, beyond in (
            ("below", values < (-np.inf if limits.below is None else limits.below)),
            ("above", values > (np.inf if limits.above is None else limits.above)),
        ):
            _mark(flags, np.flatnonzero(beyond), known, name)
    if limits.of_runs:
        moment = _moments_of_runs(values, keys, stamps, limits, step)
        found = moment != NOT_FLAGGED
        for name, is_zero in (("zeros", True), ("frozen", False)):
            _mark(flags, np.flatnonzero(found & ((values == 0) == is_zero)), moment, name)
    return flags


def _mark(flags: RowFlags, rows: Ints, moment: Times, name: str) -> None:
    fresh = rows[flags.limit[rows] < 0]
    flags.limit[fresh] = LIMITS.index(name)
    flags.moment[fresh] = moment[fresh]


def _moments_of_runs(
    values: Floats, keys: tuple[Ints, ...], stamps: tuple[Times, Times], limits: FlagLimits, step: int
) -> Times:
    """Return for each row the moment from which it belongs to a recognised run.

    Rows are read in the order of time. A row that became known after a later row (a revision, a late row) is read in a
    further pass, so that in each pass the rows became known in the order of their times.
    """
    valid, known = stamps
    moment = np.full(len(values), NOT_FLAGGED)
    rest = np.lexsort((known, valid, *keys))
    rest = rest[~np.isnan(values[rest])]
    for _ in range(_MOST_PASSES):
        if not len(rest):
            break
        key = _numbered([column[rest] for column in keys])
        in_order = _known_in_order(key, known[rest])
        rows, rest = rest[in_order], rest[~in_order]
        moment[rows] = _completed(key[in_order], values[rows], (valid[rows], known[rows]), limits, step)
    return moment


def _numbered(sorted_keys: list[Ints]) -> Ints:
    """Number the distinct combinations of sorted key columns from 0."""
    new = np.zeros(len(sorted_keys[0]), np.bool_)
    for column in sorted_keys:
        new[1:] |= column[1:] != column[:-1]
    return np.cumsum(new)


def _known_in_order(key: Ints, known: Times) -> Flags:
    """Flag the rows that became known no later than each of the following rows of their key."""
    _, rank = np.unique(known, return_inverse=True)
    # every number of a key is smaller than those of the next key, so the minimum never includes rows of another key
    number = key * (int(rank.max(initial=0)) + 1) + rank
    earliest = np.minimum.accumulate(number[::-1])[::-1]
    flags: Flags = number <= earliest
    return flags


def _completed(
    key: Ints, values: Floats, stamps: tuple[Times, Times], limits: FlagLimits, step: int
) -> Times:
    """Return the moments of the rows of one pass, sorted by (key, valid, known)."""
    valid, known = stamps
    starts_run = changes(key, key)
    starts_run[1:] |= (values[1:] != values[:-1]) | (np.diff(valid) > step)
    start = np.flatnonzero(starts_run)
    run = np.cumsum(starts_run) - 1
    longest = [TIME_MAX if limit is None else limit.ns - step for limit in (limits.zeros, limits.frozen)]
    due = np.where(values[start] == 0, *longest)
    is_short = valid - valid[start][run] < due[run]
    completing = start + np.add.reduceat(is_short, start, dtype=np.int64)
    is_complete = completing < np.append(start[1:], len(values))
    recognised = np.where(is_complete, known[np.where(is_complete, completing, 0)], NOT_FLAGGED)
    return np.where(is_complete[run], np.maximum(known, recognised[run]), NOT_FLAGGED)


@dataclass(frozen=True)
class Retraction:
    """Rows after which the value of a timestamp is another one, because a run was recognised; N of them.

    `row` is a row of the timestamp, `known` the moment; `value` is NaN if no version is left.
    """

    row: Ints
    known: Times
    value: Floats


def retract(series: Ints, stamps: tuple[Times, Times], values: Floats, moment: Times) -> Retraction:
    """Return the retractions of the rows (R,) that are flagged after they became known.

    The value of a timestamp is that of its last version with a value that is not flagged by then.
    """
    valid, known = stamps
    late = np.flatnonzero((moment > known) & (moment != NOT_FLAGGED))
    if not len(late):
        return Retraction(late, known[late], values[late])
    order = np.lexsort((known, valid, series))
    stamp = np.cumsum(changes(series[order], valid[order])) - 1
    start = np.append(np.flatnonzero(np.diff(stamp, prepend=-1)), len(order))
    of_row = np.empty(len(order), np.int64)
    of_row[order] = stamp
    first, stop, at = start[of_row[late]], start[of_row[late] + 1], moment[late]
    last = last_at_most(known[order], first, stop, at)
    found = np.full(len(late), np.nan)
    for back in range(int((stop - first).max())):
        row = order.take(last - back, mode="clip")
        holds = (last - back >= first) & (moment[row] > at) & np.isnan(found)
        found = np.where(holds, values[row], found)
    return Retraction(late, at, found)
