"""The as-of join: for each raw stamp the newest version known at an origin.

A version is a row; several rows of one raw stamp are vintages of a forecast or revisions of a measurement.
The join takes raw stamps, before anything is resampled: `place` is the step on an axis that holds the stamp.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times


@dataclass(frozen=True)
class Versions:
    """Rows sorted by (place, valid, known).

    Stamps of place p are `stamp_start[p]:stamp_start[p + 1]`; rows of stamp s are
    `row_start[s]:row_start[s + 1]`; `best[r]` is the row of the highest rank among the rows of its stamp up
    to r, which were all known when r was.
    """

    valid: Times  # (R,)
    known: Times  # (R,)
    issue: Times  # (R,)
    values: Floats  # (R, V), NaN = missing
    best: Ints | None  # (R,); None: each row is its own best
    row_start: Ints  # (S + 1,)
    stamp_start: Ints  # (P + 1,)
    stamps_at_most: int  # stamps of the fullest place
    rows_at_most: int  # rows of the fullest stamp


def sort_versions(
    place: Ints, stamps: tuple[Times, Times, Times], values: Floats, places: int, rank: Times | None = None
) -> Versions:
    """Order rows for the join.

    `stamps` are (valid, known, issue). Among the versions known at an origin, the one with the highest `rank`
    (the issue time unless given) is taken; with equal ranks the one known later, then the later row.
    """
    valid, known, issue = stamps
    if (place[1:] > place[:-1]).all():  # each row is the only one of its step
        once = min(1, len(place))
        start = block_starts(place, places)
        return Versions(valid, known, issue, values, None, np.arange(len(place) + 1), start, once, once)
    rank = issue if rank is None else rank
    if not is_sorted(place, valid, known):
        order = np.lexsort((known, valid, place))
        place, valid, known, issue, rank = (column[order] for column in (place, valid, known, issue, rank))
        values = values[order]
    starts_stamp = changes(place, valid)
    row_start = np.append(np.flatnonzero(starts_stamp), len(place))
    stamp_start = block_starts(place[row_start[:-1]], places)
    return Versions(
        valid=valid,
        known=known,
        issue=issue,
        values=values,
        best=_best(np.cumsum(starts_stamp), rank, known),
        row_start=row_start,
        stamp_start=stamp_start,
        stamps_at_most=int(np.diff(stamp_start).max(initial=0)),
        rows_at_most=int(np.diff(row_start).max(initial=0)),
    )


def newest_known(  # noqa: PLR0917 - one lookup has all of these
    rows: Versions, places: Ints, origins: Times, nth: int, max_age: int | None = None, older: int = 0
) -> Ints:
    """The row taken for the `nth` stamp of each place at each origin; -1 where no version is known.

    With `max_age` (nanoseconds) a version issued longer than that before the origin is not taken. With `older`
    the version so many issue times before the newest is taken.
    """
    if not len(rows.known):
        return np.full(len(places), -1, np.int64)
    stamp = rows.stamp_start[places] + nth
    exists = stamp < rows.stamp_start[places + 1]
    stamp = np.where(exists, stamp, 0)
    if rows.rows_at_most == 1:  # each stamp is its row
        first, last = stamp, np.where(exists & (rows.known[stamp] <= origins), stamp, -1)
    else:
        first = rows.row_start[stamp]
        last = last_at_most(rows.known, first, rows.row_start[stamp + 1], origins)
        last = np.where(exists & (last >= first), last, -1)
    row = last if rows.best is None else np.where(last >= 0, rows.best[last], -1)
    for _ in range(older):
        row = _older(rows, first, last, row)
    if max_age is not None:
        row = np.where((row >= 0) & (rows.issue[row] >= origins - max_age), row, -1)
    return row


def _older(rows: Versions, first: Ints, last: Ints, row: Ints) -> Ints:
    """Among the rows [first, last] of a stamp, the one with the newest issue time before that of `row`; -1 where none."""
    found = np.full(len(row), -1)
    for back in range(rows.rows_at_most):
        at = last - back
        exists = (row >= 0) & (at >= first)
        if rows.best is None:  # issue times fall with `at`, so the first one found is the newest
            exists &= found < 0
            if not exists.any():
                break
        newer = (found < 0) | (rows.issue[at] > rows.issue[found])
        found = np.where(exists & (rows.issue[at] < rows.issue[row]) & newer, at, found)
    return found


def changes(first: Ints, second: Ints) -> Flags:
    """Where a row differs from the row before in one of two columns; the first row always does."""
    differs = np.ones(len(first), np.bool_)
    differs[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return differs


def _best(stamp: Ints, rank: Times, known: Times) -> Ints | None:
    if is_sorted(stamp, rank):
        return None
    order = np.lexsort((known, rank, stamp))
    place_in_order = np.empty(len(order), np.int64)
    place_in_order[order] = np.arange(len(order))
    # stamps come one after another in both orders, so the running maximum never reaches back into another stamp
    return order[np.maximum.accumulate(place_in_order)]


def last_at_most(ascending: Times, start: Ints, stop: Ints, wanted: Times) -> Ints:
    """For each i the last place in [start[i], stop[i]) whose value is <= wanted[i]; start[i] - 1 where none is.

    Each block of `ascending` must be sorted; blocks may be empty. One bisection serves all blocks.
    """
    low, high = start.copy(), stop.copy()
    longest = int((high - low).max(initial=0))
    for _ in range(longest.bit_length()):
        middle = (low + high) >> 1
        # where a block is used up, middle == high: it may lie past the array's end and is not taken
        small = (middle < high) & (ascending.take(middle, mode="clip") <= wanted)
        low = np.where(small, middle + 1, low)
        high = np.where(small, high, middle)
    return low - 1


def block_starts(ascending: Ints, blocks: int) -> Ints:
    """Starts (blocks + 1,) of the runs of 0, 1, ... blocks - 1 in a sorted array of block numbers."""
    if len(ascending) and ascending[0] < 0:  # rows outside of all blocks come first
        ascending = ascending[np.searchsorted(ascending, 0) :]
    return np.concatenate([[0], np.cumsum(np.bincount(ascending, minlength=blocks))])


def is_sorted(*keys: Ints) -> bool:
    """Whether rows ascend by the keys, the first one the most important."""
    tied: Flags | None = None
    for key in keys:
        falls = key[1:] < key[:-1]
        if (falls if tied is None else falls & tied).any():
            return False
        same = key[1:] == key[:-1]
        tied = same if tied is None else same & tied
        if not tied.any():
            return True
    return True


def run_starts(series: Ints, covered: Flags) -> Ints:
    """For each step the first step of its run: consecutive covered steps of one series. n where not covered."""
    n = len(series)
    begins = covered.copy()
    begins[1:] &= ~covered[:-1] | (series[1:] != series[:-1])
    start = np.maximum.accumulate(np.where(begins, np.arange(n), 0))
    return np.where(covered, start, n)


def carried_from(missing: Flags, run_start: Ints, limit: int) -> Ints:
    """For each step the step whose value it takes: itself, or one up to `limit` steps before; -1 where none.

    A longer gap is filled up to `limit` and stays a gap after that: whether a step has a value must not
    depend on when the gap ends, which its origin cannot know. Nothing is carried across a run's start.
    """
    steps = np.arange(len(missing))
    source = np.maximum.accumulate(np.where(missing, -1, steps))
    holds = (source >= run_start) & (steps - source <= limit)
    return np.where(holds, source, -1)


def kept_runs(series: Ints, kept: Flags) -> Ints:
    """The longest runs of kept steps of one series as [start, stop) pairs (k, 2), in order."""
    parted = ~kept[1:] | ~kept[:-1] | (series[1:] != series[:-1])
    begins, ends = kept.copy(), kept.copy()
    begins[1:] &= parted
    ends[:-1] &= parted
    return np.stack([np.flatnonzero(begins), np.flatnonzero(ends) + 1], axis=1)
