"""The column `published_corrected` of a table: the published forecast corrected by its errors known at each origin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.feed.scored_rows import Rows, read_blocks
from hindcast.pipeline.forecasters import CORRECTED
from hindcast.pipeline.judge.bias_correction import WINDOW, Issued, correct
from hindcast.pipeline.judge.calibration import Measured
from hindcast.pipeline.judge.load import EvaluationSource, index_series
from hindcast.pipeline.judge.measured_values import MeasuredValues, measured_values
from hindcast.pipeline.judge.table import Table
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.clock import wall_of
from hindcast.pipeline.settings.params import Params

_BLOCK_ROWS = 1 << 20  # steps of the series that are corrected together
PUBLISHED = "published"


def derived_names(params: Params) -> set[str]:
    """Return the forecasters that are compared without being listed: the corrected published forecast, where there is a published one."""
    return {CORRECTED} if PUBLISHED in params.evaluate.baselines and params.align.published else set()


class CorrectedColumn:
    """Corrects the published forecast in tables, with the errors of all steps of the data set, whatever their split."""

    def __init__(self, dataset: EvaluationSource, params: Params, tables: Path) -> None:
        self._dataset, self._params, self._tables = dataset, params, tables

    @cached_property
    def _series_of(self) -> NDArray[np.int32]:
        """The series of each sequence, ascending."""
        return index_series(self._dataset.sequences)[1]

    @cached_property
    def _track_of(self) -> Ints:
        return np.asarray(self._dataset.sequences.track, np.int64)

    def add(self, table: Table) -> Table:
        """Return the table with the corrected forecast; the same table without a published forecast to compare with."""
        params = self._params
        is_rival = derived_names(params) and table.target in params.align.published
        if not is_rival or not len(table) or np.isnan(table.forecasts[PUBLISHED]).all():
            return table
        made = np.full(len(table), np.nan, np.float32)
        for group, rows in table.rows_of_groups():
            measured = measured_values(self._tables, params, table.names.groups[group])
            for part in self._parts(table, rows):
                made[part] = self._corrected(table, part, measured)
        return replace(table, forecasts={**table.forecasts, CORRECTED: made})

    def _parts(self, table: Table, rows: slice) -> Iterator[slice]:
        """Yield the rows of a few series at a time."""
        starts = rows.start + np.flatnonzero(np.diff(table.series[rows], prepend=-1))
        first = rows.start
        for start, stop in zip(starts.tolist(), [*starts[1:].tolist(), rows.stop], strict=True):
            if stop - first > _BLOCK_ROWS and start > first:
                yield slice(first, start)
                first = start
        yield slice(first, rows.stop)

    def _corrected(self, table: Table, part: slice, measured: MeasuredValues) -> Floats:
        group = table.names.groups[table.names.group_of[table.series[part.start]]]
        low, high = int(table.series[part.start]), int(table.series[part.stop - 1]) + 1
        tracks = int(self._track_of.max(initial=0)) + 1
        # an error of the window is limited by those of the window before it; the day of the first one has to be whole
        begin = int(table.origin.min()) - 2 * WINDOW - measured.longest_delay(table.target) - 2 * DAY
        rows, series = self._rows(low, high, begin, int(table.time[part].max()) + 1)
        value, origin = self._read(rows, table.target)
        kept = np.flatnonzero(~np.isnan(value))
        rows, series, value, origin = rows.take(kept), series[kept], value[kept], origin[kept]
        past = self._issued(
            (series - low) * tracks + self._track_of[rows.sequence], rows.time, origin, value, group
        )
        found = measured.of_codes(table.target, table.names.series[low:high], series - low, rows.time)
        wanted = self._issued(
            (table.series[part].astype(np.int64) - low) * tracks + table.track[part],
            table.time[part],
            table.origin[part],
            table.forecasts[PUBLISHED][part].astype(np.float64),
            group,
        )
        return correct(past, _in_order(found), wanted, (high - low) * tracks)

    def _rows(self, low: int, high: int, begin: int, end: int) -> tuple[Rows, Ints]:
        """Return the steps of series [low, high) at times in [begin, end), and the series of each."""
        dataset, frequency = self._dataset, self._dataset.frequency
        own = slice(*np.searchsorted(self._series_of, [low, high]).tolist())
        start, count, sample = (
            np.asarray(column[own], np.int64)
            for column in (
                dataset.sequences.start_time,
                dataset.sequences.step_count,
                dataset.sequences.first_sample,
            )
        )
        first = np.clip(-(-(begin - start) // frequency), 0, count)
        sizes = np.clip(-(-(end - start) // frequency), first, count) - first
        of = np.repeat(np.arange(len(start)), sizes)
        step = np.arange(len(of)) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
        before, offset = np.divmod(step, dataset.segment_length)
        sequence = (own.start + of).astype(np.int32)
        rows = Rows(
            sequence, step, sample[of] + before, offset.astype(np.int32), start[of] + step * frequency
        )
        return rows, self._series_of[sequence].astype(np.int64)

    def _read(self, rows: Rows, target: str) -> tuple[Floats, Times]:
        place = self._dataset.targets.index(target)
        value, origin = np.empty(len(rows)), np.empty(len(rows), np.int64)
        for block, read in read_blocks(self._dataset, rows, len(self._dataset.targets)):
            value[block], origin[block] = read("published")[:, place], read("origin")
        return value, origin

    def _issued(self, cell: Ints, time: Times, origin: Times, value: Floats, group: str) -> Issued:
        raw = self._params.raw
        wall = time if raw.has_local_days else wall_of(time, raw.zone_of(group) or "UTC")
        return Issued(cell, wall, origin, value)


def _in_order(measured: Measured) -> Measured:
    """Return the values in the order of their forecasts, those of a forecast by when they were known."""
    order = np.lexsort((measured.known, measured.row))
    return Measured(measured.row[order], measured.known[order], measured.value[order])
