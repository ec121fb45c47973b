"""Wall times that come twice, settled by the order of rows in a file (`ambiguous: in_order`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.raw.faults import AMBIGUOUS, BadRows, joined
from pipeline.raw.rows import Rows


class InOrder:
    """Settles wall times that come twice by the order of rows in one file.

    The first row of a series (and issue) at such a time is the earlier one, the second the later one; a
    third is put aside.
    """

    def __init__(self, *, has_issue: bool) -> None:
        self._has_issue = has_issue
        self._seen: dict[tuple[object, ...], int] = {}

    def settle(self, rows: Rows) -> Rows:
        """The rows of the file's next block with their doubled stamps settled."""
        if not len(rows.doubled):
            return rows
        records, surplus = rows.records, []
        valid = records.times[0].copy()
        apart = (
            records.times[:2] if self._has_issue else records.times[:1]
        )  # revisions are rows of one moment
        for place, second in zip(rows.doubled.tolist(), rows.second.tolist(), strict=True):
            moment = (rows.keys[records.key[place]], *(int(times[place]) for times in apart))
            times_seen = self._seen[moment] = self._seen.get(moment, 0) + 1
            if times_seen == 2:
                valid[place] = second
            elif times_seen > 2:
                surplus.append(place)
        settled = replace(rows, records=replace(records, times=(valid, *records.times[1:])))
        return _put_aside(settled, surplus) if surplus else settled


def _put_aside(rows: Rows, places: list[int]) -> Rows:
    names = [rows.keys[code] for code in rows.records.key[places]]
    bad = BadRows(
        rows.records.line[places],
        np.full(len(places), AMBIGUOUS, np.uint8),
        np.full(len(places), -1, np.int32),
        np.array([group for group, _ in names], object),
        np.array([series for _, series in names], object),
    )
    return replace(
        rows,
        records=rows.records.take(np.delete(np.arange(len(rows.records)), places)),
        bad=joined([rows.bad, bad]),
    )
