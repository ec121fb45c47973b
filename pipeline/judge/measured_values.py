"""The measured values of forecast steps, and when each of them became known by the rule of its source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.align.ensemble import without_members
from hindcast.pipeline.align.group_inputs import measured_targets
from hindcast.pipeline.align.realized import Realized
from hindcast.pipeline.arrays import Ints, Names, Times
from hindcast.pipeline.judge.calibration import Measured
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_table


class MeasuredValues:
    """The measured targets of one group, from its typed rows (a frame per source, as `tables.read_table` returns them)."""

    def __init__(self, frames: Mapping[str, Any], params: Params, group: str) -> None:
        self._grid, self._targets = measured_targets(without_members(frames, params, group), params, group)
        self._numbers = {name: number for number, name in enumerate(self._grid.names)}

    def of(self, target: str, series: Names, times: Times) -> Measured:
        """Return the values of the steps of some series (by name, with the label of the step), one for each revision that changed it.

        `row` is the place in `series` and `times`; a step without a value has none.
        """
        realized = self._targets[target]
        names, place = np.unique(series.astype(str), return_inverse=True)
        number = np.array([self._numbers.get(name, -1) for name in names.tolist()], np.int64)[place]
        slot = np.where(
            number >= 0, self._grid.own.slot(np.maximum(number, 0), self._grid.own.steps.instants(times)), -1
        )
        rows = np.flatnonzero(slot >= 0)
        first, last = realized.start[slot[rows]], realized.start[slot[rows] + 1]
        count = last - first
        row = np.repeat(rows, count)
        event = np.arange(len(row)) + np.repeat(first - (np.cumsum(count) - count), count)
        kept = _changes(realized)[event]
        event = event[kept]
        return Measured(row[kept], realized.events.known[event], realized.events.value[event])


def measured_values(tables: Path, params: Params, group: str) -> MeasuredValues:
    """Read the tables of a group; raises MissingInputError or FormatError as `read_table` does."""
    read = {source: read_table(tables, source, group) for source in params.raw.table_sources}
    frames = {source: frame for source, frame in read.items() if frame is not None}
    return MeasuredValues(frames, params, group)


def join_measured(parts: list[tuple[Ints, Measured]]) -> Measured:
    """Join the values of several parts of the rows; each part has the indices of its rows among all rows."""
    if not parts:
        return Measured(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    return Measured(
        np.concatenate([rows[found.row] for rows, found in parts]),
        np.concatenate([found.known for _, found in parts]),
        np.concatenate([found.value for _, found in parts]),
    )


def _changes(realized: Realized) -> Any:
    """Flag the events that give a step another value than the one before."""
    slot, value = realized.events.slot, realized.events.value
    changed = ~np.isnan(value)
    changed[1:] &= (slot[1:] != slot[:-1]) | (value[1:] != value[:-1])
    return changed
