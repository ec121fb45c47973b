"""The as-of join: for each raw timestamp the newest version known at an origin.

A version is a row; several rows with the same raw timestamp are vintages of a forecast or revisions of a measurement.
The join works on raw timestamps, before resampling; the slot of a row is the step of an axis that contains its timestamp.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times


@dataclass(frozen=True)
class Versions:
    """Rows sorted by (slot, valid, known).

    Timestamps of slot p are `stamp_start[p]:stamp_start[p + 1]`; rows of timestamp s are
    `row_start[s]:row_start[s + 1]`; `best[r]` is the row with the highest rank among the
    rows of its timestamp up to r, which were all known when r was known.
    """

    valid: Times  # (R,)
    known: Times  # (R,)
    issue: Times  # (R,)
    values: Floats  # (R, V), NaN = missing
    best: Ints | None  # (R,); None: each row is its own best
    row_start: Ints  # (S + 1,)
    stamp_start: Ints  # (P + 1,)
    stamps_at_most: int  # timestamps of the fullest slot
    rows_at_most: int  # rows of the fullest timestamp


def sort_versions(
    slot: Ints, stamps: tuple[Times, Times, Times], values: Floats, slots: int, rank: Times | None = None
) -> Versions:
    """Sort rows for the join.

    `stamps` are (valid, known, issue). Of the versions known at an origin, the join takes the one with the highest
    `rank` (default: the issue time); of versions with equal rank the one known later, then the later row.
    """
    valid, known, issue = stamps
    if (slot[1:] > slot[:-1]).all():  # each row is the only one of its step
        once = min(1, len(slot))
        start = block_starts(slot, slots)
        return Versions(valid, known, issue, values, None, np.arange(len(slot) + 1), start, once, once)
    rank = issue if rank is None else rank
    if not is_sorted(slot, valid, known):
        order = np.lexsort((known, valid, slot))
        slot, valid, known, issue, rank = (column[order] for column in (slot, valid, known, issue, rank))
        values = values[order]
    starts_stamp = changes(slot, valid)
    row_start = np.append(np.flatnonzero(starts_stamp), len(slot))
    stamp_start = block_starts(slot[row_start[:-1]], slots)
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
    rows: Versions, slots: Ints, origins: Times, nth: int, max_age: int | None = None, older: int = 0
) -> Ints:
    """Return the row taken for the `nth` timestamp of each slot at each origin; -1 if no version is known.

    A version issued more than `max_age` nanoseconds before the origin is not taken. `older`: how many
    issue times to go back from the newest known version (0 takes the newest).
    """
    if not len(rows.known):
        return np.full(len(slots), -1, np.int64)
    stamp = rows.stamp_start[slots] + nth
    exists = stamp < rows.stamp_start[slots + 1]
    stamp = np.where(exists, stamp, 0)
    if rows.rows_at_most == 1:  # each timestamp is its row
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
    """Return the row among [first, last] of a timestamp with the newest issue time before that of `row`; -1 if there is none."""
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
    """Flag rows that differ from the previous row in one of two columns; the first row always does."""
    differs = np.ones(len(first), np.bool_)
    differs[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return differs


def _best(stamp: Ints, rank: Times, known: Times) -> Ints | None:
    if is_sorted(stamp, rank):
        return None
    order = np.lexsort((known, rank, stamp))
    index_in_order = np.empty(len(order), np.int64)
    index_in_order[order] = np.arange(len(order))
    # timestamps follow one another in both orders, so the running maximum never includes rows of another timestamp
    return order[np.maximum.accumulate(index_in_order)]


def last_at_most(ascending: Times, start: Ints, stop: Ints, wanted: Times) -> Ints:
    """Return for each i the last index in [start[i], stop[i]) with a value <= wanted[i]; start[i] - 1 if there is none.

    Each block of `ascending` must be sorted; blocks may be empty. All blocks are searched by one bisection.
    """
    low, high = start.copy(), stop.copy()
    longest = int((high - low).max(initial=0))
    for _ in range(longest.bit_length()):
        middle = (low + high) >> 1
        # if a block is exhausted, middle == high: it may be past the end of the array and is not taken
        small = (middle < high) & (ascending.take(middle, mode="clip") <= wanted)
        low = np.where(small, middle + 1, low)
        high = np.where(small, high, middle)
    return low - 1


def block_starts(ascending: Ints, blocks: int) -> Ints:
    """Return the starts (blocks + 1,) of the runs of 0, 1, ... blocks - 1 in a sorted array of block numbers."""
    if len(ascending) and ascending[0] < 0:  # rows outside all blocks come first
        ascending = ascending[np.searchsorted(ascending, 0) :]
    return np.concatenate([[0], np.cumsum(np.bincount(ascending, minlength=blocks))])


def is_sorted(*keys: Ints) -> bool:
    """Return whether rows are sorted by the keys, the first key being the most significant."""
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
    """Return for each step the first step of its run (consecutive covered steps of one series); n if it is not covered."""
    n = len(series)
    begins = covered.copy()
    begins[1:] &= ~covered[:-1] | (series[1:] != series[:-1])
    start = np.maximum.accumulate(np.where(begins, np.arange(n), 0))
    return np.where(covered, start, n)


def carried_from(missing: Ints, run_start: Ints, limit: int) -> Ints:
    """Return for each missing step (sorted) the step up to `limit` steps before whose value it takes; -1 if there is none.

    A longer gap is filled up to `limit` and remains a gap after that: whether a step has a value must not depend on
    the end of the gap, which is not known at its origin. Values are not carried across the start of a run.
    """
    follows = np.diff(missing, prepend=-2) == 1
    source = np.maximum.accumulate(np.where(follows, 0, missing)) - 1
    holds = (source >= run_start[missing]) & (missing - source <= limit)
    return np.where(holds, source, -1)


def kept_runs(series: Ints, kept: Flags) -> Ints:
    """Return the longest runs of kept steps of one series as [start, stop) pairs (k, 2), in order."""
    parted = ~kept[1:] | ~kept[:-1] | (series[1:] != series[:-1])
    begins, ends = kept.copy(), kept.copy()
    begins[1:] &= parted
    ends[:-1] &= parted
    return np.stack([np.flatnonzero(begins), np.flatnonzero(ends) + 1], axis=1)
