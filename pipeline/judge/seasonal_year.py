"""The forecaster `seasonal_52w`: the measured value 52 weeks before a step, known at its origin."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.arrays import Ints, Times, Values
from hindcast.pipeline.feed.scored_rows import Rows, read_blocks
from hindcast.pipeline.judge.load import EvaluationSource, index_series
from hindcast.pipeline.settings.base import DAY

YEAR = "seasonal_52w"
PERIOD = 364 * DAY
"""52 weeks: the same day of the week, and nearly the same of the year."""

_MOST_PERIODS = 3


def seasonal_year(dataset: EvaluationSource, rows: Rows, origin: Times) -> Values:
    """Return the forecasts (target, row) for rows with these origins; NaN if there is none.

    The value is the last revision of the target a whole number of periods before the step, the smallest number of at most
    three for which it was known at the origin. A value that was revised later is not used.
    """
    values = np.full((len(dataset.targets), len(rows)), np.nan, np.float32)
    for back in range(1, _MOST_PERIODS + 1):
        missing = np.flatnonzero(np.isnan(values).any(axis=0))
        found, places = _rows_before(dataset, rows.take(missing), back * PERIOD)
        places = missing[places]
        for block, read in read_blocks(dataset, found, len(dataset.targets)):
            here = places[block]
            known = (read("W") > 0) & (read("known") <= origin[here][:, None])
            earlier = np.where(known, read("Y"), np.nan).T
            values[:, here] = np.where(np.isnan(values[:, here]), earlier, values[:, here])
    return values


def _rows_before(dataset: EvaluationSource, rows: Rows, length: int) -> tuple[Rows, Ints]:
    """Return the rows that lie `length` ns before some rows in the same series and track, and the indices of the rows that
    have one.
    """
    table, frequency = dataset.sequences, dataset.frequency
    _, series = index_series(table)
    start, track = np.asarray(table.start_time, np.int64), np.asarray(table.track, np.int64)
    owner = series.astype(np.int64) * (int(track.max(initial=0)) + 1) + track
    begin = int(start.min(initial=0))
    width = int(((start - begin) // frequency + table.step_count).max(initial=0)) + 1
    order = np.lexsort((start, owner))
    code = owner[order] * width + (start[order] - begin) // frequency
    time = rows.time - length
    wanted = owner[rows.sequence] * width + np.maximum((time - begin) // frequency, 0)
    found = order[np.maximum(np.searchsorted(code, wanted, side="right") - 1, 0)]
    step, rest = np.divmod(time - start[found], frequency)
    inside = (owner[found] == owner[rows.sequence]) & (rest == 0) & (step >= 0)
    inside &= step < np.asarray(table.step_count)[found]
    places = np.flatnonzero(inside)
    found, step = found[places], step[places]
    sample, offset = np.divmod(step, dataset.segment_length)
    sample += np.asarray(table.first_sample)[found]
    return Rows(found.astype(np.int32), step, sample, offset.astype(np.int32), time[places]), places
