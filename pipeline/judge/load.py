"""Read tables from a data set: actual values, published forecast and stored baselines at the scored rows, in blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import TARGET_UNUSABLE, Flags
from hindcast.pipeline.feed.scored_rows import RowSource, Spans, read_blocks, rows_of
from hindcast.pipeline.judge.table import UNUSABLE, SeriesNames, Table, blocks
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.store.index_types import Sequences


class EvaluationSource(RowSource, Protocol):
    """The properties of a data set that evaluation needs in addition to `RowSource`."""

    @property
    def target_units(self) -> tuple[str, ...]:
        """Units of the targets."""

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the last axis of `baseline`."""

    @property
    def has_flagged(self) -> bool:
        """Whether there is the array `flagged`."""


def index_series(sequences: Sequences) -> tuple[SeriesNames, NDArray[np.int32]]:
    """Return the names of groups and series, and the series index of each sequence: (sequence,)."""
    keys = list(zip(map(str, sequences.group), map(str, sequences.series), strict=True))
    places: dict[tuple[str, str], int] = {}
    series_of = np.array([places.setdefault(key, len(places)) for key in keys], np.int32)
    groups = tuple(dict.fromkeys(group for group, _ in places))
    index = {group: place for place, group in enumerate(groups)}
    group_of = np.array([index[group] for group, _ in places], np.int32)
    return SeriesNames(groups, tuple(series for _, series in places), group_of), series_of


def load_tables(
    dataset: EvaluationSource,
    split: str,
    spans: Spans,
    forecasters: Sequence[str],
    advance: Callable[[int], None],
) -> list[Table]:
    """Return one table per target, with the `forecasters` that are stored in the data set (not model, not trees).

    Calls `advance` after each block with the number of rows read.
    """
    size, targets, baselines = len(spans), len(dataset.targets), dataset.baselines
    stored = [name for name in forecasters if name == "published" or name in baselines]
    names, series_of = index_series(dataset.sequences)
    track_of = np.asarray(dataset.sequences.track).astype(np.int16)
    series, track = np.empty(size, np.int32), np.empty(size, np.int16)
    time, origin = np.empty(size, np.int64), np.empty(size, np.int64)
    columns = np.empty((targets, 1 + len(stored), size), np.float32)
    unusable = np.zeros((targets, size if dataset.has_flagged else 0), np.bool_)
    for part in blocks(size):
        rows = rows_of(dataset, spans, np.arange(part.start, part.stop))
        series[part], track[part], time[part] = series_of[rows.sequence], track_of[rows.sequence], rows.time
        for block, read in read_blocks(dataset, rows, targets * len(baselines)):
            own = slice(part.start + block.start, part.start + block.stop)
            if dataset.has_flagged:
                unusable[:, own] = (read("flagged") & TARGET_UNUSABLE != 0).T
            origin[own] = read("origin")
            columns[:, 0, own] = np.where(read("W") > 0, read("Y"), np.nan).T
            baseline = read("baseline")
            for place, name in enumerate(stored, 1):
                values = read("published") if name == "published" else baseline[:, :, baselines.index(name)]
                columns[:, place, own] = values.T
            advance(own.stop - own.start)
    tables = [
        Table(
            split, name, unit, names, dataset.frequency, series, track, time, origin,
            columns[index, 0], dict(zip(stored, columns[index, 1:], strict=True)),
        )
        for index, (name, unit) in enumerate(zip(dataset.targets, dataset.target_units, strict=True))
    ]  # fmt: skip
    return [_with_unusable(table, bad) for table, bad in zip(tables, unusable, strict=True)]


def with_begins(table: Table, raw: RawSettings) -> Table:
    """Return a table that knows when its steps start; the same if steps are not local days."""
    if not raw.has_local_days:
        return table
    begins = table.time.copy()
    for group, rows in table.rows_of_groups():
        begins[rows] = raw.stamp_grid(None, table.names.groups[group]).instants(table.time[rows])
    return replace(table, begins=begins)


def _with_unusable(table: Table, bad: Flags) -> Table:
    """Label the rows whose target is unusable."""
    return replace(table, flagged=bad.astype(np.uint32), labels=(UNUSABLE,)) if bad.any() else table
