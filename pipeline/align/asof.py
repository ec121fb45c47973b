"""The as-of join: of each raw stamp the version that was the newest one known at an origin.

A version is a row; several rows of one raw stamp are vintages of a forecast or revisions of a measurement.
The join takes raw stamps, before anything is resampled: `place` is the step on an axis that holds the stamp.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.align.search import Index, block_starts, is_sorted, last_at_most
from hindcast.pipeline.align.types import Moments

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Versions:
    """Rows sorted by (place, valid, known).

    Stamps of place p are `stamp_start[p]:stamp_start[p + 1]`; rows of stamp s are
    `row_start[s]:row_start[s + 1]`; `best[r]` is the row of the highest rank among the rows of its stamp up
    to r, which were all known when r was.
    """

    valid: Moments  # (R,)
    known: Moments  # (R,)
    issue: Moments  # (R,)
    values: Values  # (R, V), NaN = missing
    best: Index | None  # (R,); None: each row is its own best
    row_start: Index  # (S + 1,)
    stamp_start: Index  # (P + 1,)
    stamps_at_most: int  # stamps of the fullest place
    rows_at_most: int  # rows of the fullest stamp


def versions(
    place: Index,
    stamps: tuple[Moments, Moments, Moments],
    values: Values,
    places: int,
    rank: Moments | None = None,
) -> Versions:
    """Order rows for the join.

    `stamps` are (valid, known, issue). Of the versions known at an origin the one with the highest `rank`
    (the issue time unless given) is taken; on equal ranks the one known later, then the later row.
    """
    valid, known, issue = stamps
    if (place[1:] > place[:-1]).all():  # each row is the only one of its step
        once = min(1, len(place))
        start = block_starts(place, places)
        return Versions(valid, known, issue, values, None, np.arange(len(place) + 1), start, once, once)
    rank = issue if rank is None else rank
    if not is_sorted(place, valid, known):
        order = np.lexsort((known, valid, place))
        place, valid, known, issue, rank = (one[order] for one in (place, valid, known, issue, rank))
        values = values[order]
    starts_stamp = _changes(place, valid)
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
    rows: Versions, places: Index, origins: Moments, nth: int, max_age: int | None = None, older: int = 0
) -> Index:
    """The row taken for the `nth` stamp of each place at each origin; -1 where no version is known.

    With `max_age` (nanoseconds) a version issued longer than that before the origin is not taken. With `older`
    it is not the newest version but the one so many issue times before it.
    """
    if not len(rows.known):
        return np.full(len(places), -1, np.int64)
    stamp = rows.stamp_start[places] + nth
    there = stamp < rows.stamp_start[places + 1]
    stamp = np.where(there, stamp, 0)
    if rows.rows_at_most == 1:  # each stamp is its row
        first, last = stamp, np.where(there & (rows.known[stamp] <= origins), stamp, -1)
    else:
        first = rows.row_start[stamp]
        last = last_at_most(rows.known, first, rows.row_start[stamp + 1], origins)
        last = np.where(there & (last >= first), last, -1)
    row = last if rows.best is None else np.where(last >= 0, rows.best[last], -1)
    for _ in range(older):
        row = _older(rows, first, last, row)
    if max_age is not None:
        row = np.where((row >= 0) & (rows.issue[row] >= origins - max_age), row, -1)
    return row


def _older(rows: Versions, first: Index, last: Index, row: Index) -> Index:
    """Of the rows [first, last] of a stamp the one with the newest issue time before that of `row`; -1 where none."""
    found = np.full(len(row), -1)
    for back in range(rows.rows_at_most):
        at = last - back
        there = (row >= 0) & (at >= first)
        if rows.best is None:  # issue times fall with `at`, so the first one found is the newest
            there &= found < 0
            if not there.any():
                break
        newer = (found < 0) | (rows.issue[at] > rows.issue[found])
        found = np.where(there & (rows.issue[at] < rows.issue[row]) & newer, at, found)
    return found


def _changes(place: Index, valid: Moments) -> NDArray[np.bool_]:
    """Where a row begins another stamp than the row before."""
    starts = np.ones(len(place), np.bool_)
    starts[1:] = (place[1:] != place[:-1]) | (valid[1:] != valid[:-1])
    return starts


def _best(stamp: Index, rank: Moments, known: Moments) -> Index | None:
    if is_sorted(stamp, rank):
        return None
    order = np.lexsort((known, rank, stamp))
    place_in_order = np.empty(len(order), np.int64)
    place_in_order[order] = np.arange(len(order))
    # stamps come one after another in both orders, so the running maximum never reaches back into another stamp
    return order[np.maximum.accumulate(place_in_order)]
