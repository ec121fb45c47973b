"""Which rows are rebuilt from the tables: some of every sequence, and those where a mistake is most likely."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from hindcast.pipeline.certify.slow_clock import days_of_change, moment_of_midnight
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.store.reader import Dataset

_GOLDEN = (
    0.6180339887498949  # the fractional parts of its multiples are evenly spread, however many there are
)
_AT_A_CHANGE = 1  # sequences whose rows on the days of a clock change are rebuilt
_DAY = 86400 * 1_000_000_000


def sample_rows(dataset: Dataset, params: Params, count: int) -> dict[int, list[int]]:
    """Row of the table of sequences -> places of steps, always the same for the same data set: about `count` spread over
    groups, series and tracks (all, if there are no more), the first and last of each of these sequences, and in one
    sequence the day of each clock change, the day after it, and the days from which a lag in days leads there.
    """
    table = dataset.sequences
    rows = np.unique(np.linspace(0, len(table) - 1, min(len(table), count)).astype(int)).tolist()
    share = max(1, count // max(1, len(rows)))
    chosen: dict[int, set[int]] = {}
    for number, row in enumerate(rows):
        steps = int(table.step_count[row])
        places = {int((number * share + draw) * _GOLDEN % 1 * steps) for draw in range(share)}
        chosen[row] = set(range(steps)) if steps <= share else places | {0, steps - 1}
    for row, place in _around_changes(dataset, params):
        chosen.setdefault(row, set()).add(place)
    return {row: sorted(places) for row, places in sorted(chosen.items())}


def _around_changes(dataset: Dataset, params: Params) -> Iterator[tuple[int, int]]:
    table, step = dataset.sequences, dataset.frequency
    ends = table.start_time + table.step_count * step
    lags = {lag.days for lags in params.align.features.lags.values() for lag in lags if lag.days}
    for zone in sorted({str(params.raw.zone_of(str(group))) for group in set(table.group)}):
        in_zone = np.array([params.raw.zone_of(str(group)) == zone for group in table.group])
        for day in days_of_change(int(table.start_time.min()) - _DAY, int(ends.max()) + _DAY, zone):
            for first, stop in [(0, 2), *((lag, lag + 1) for lag in sorted(lags))]:
                begin, end = (moment_of_midnight(day + timedelta(days=days), zone) for days in (first, stop))
                rows = np.flatnonzero(in_zone & (table.start_time < end) & (ends > begin))
                some = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _AT_A_CHANGE)).astype(int))
                for row in rows[some].tolist():
                    low = max(0, -(-(begin - int(table.start_time[row])) // step))
                    high = min(int(table.step_count[row]), (end - int(table.start_time[row])) // step)
                    yield from ((row, place) for place in range(low, high))
