"""The measured values of forecast steps, when each of them became known by the rule of its source, and which of its revisions counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hindcast.pipeline.align.ensemble import without_members
from hindcast.pipeline.align.group_inputs import measured_targets
from hindcast.pipeline.align.realized import Realized
from hindcast.pipeline.arrays import Flags, Floats, Ints, Names, Times
from hindcast.pipeline.judge.calibration import Measured
from hindcast.pipeline.settings.monitoring import AtAge, Truth
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.tables import read_table


class MeasuredValues:
    """The measured targets of one group, from its typed rows (a frame per source, as `tables.read_table` returns them)."""

    def __init__(self, frames: Mapping[str, Any], params: Params, group: str) -> None:
        self._grid, self._targets = measured_targets(without_members(frames, params, group), params, group)
        self._numbers = {name: number for number, name in enumerate(self._grid.names)}
        self._changes: dict[str, Flags] = {}

    def of(self, target: str, series: Names, times: Times) -> Measured:
        """Return the values of the steps of some series (by name, with the label of the step), one for each revision that changed it.

        `row` is the place in `series` and `times`; a step without a value has none.
        """
        names, place = np.unique(series.astype(str), return_inverse=True)
        return self.of_codes(target, names.tolist(), place, times)

    def of_codes(self, target: str, names: Sequence[str], codes: Ints, times: Times) -> Measured:
        """Return the same for steps of the series `names[codes]`: no text is compared for each step."""
        realized = self._targets[target]
        slot = self._slots(names, codes, times)
        rows = np.flatnonzero(slot >= 0)
        first, last = realized.start[slot[rows]], realized.start[slot[rows] + 1]
        count = last - first
        row = np.repeat(rows, count)
        event = np.arange(len(row)) + np.repeat(first - (np.cumsum(count) - count), count)
        if target not in self._changes:
            self._changes[target] = _changes(realized)
        kept = self._changes[target][event]
        event = event[kept]
        return Measured(row[kept], realized.events.known[event], realized.events.value[event])

    def at_age(self, target: str, series: Names, times: Times, truth: Truth, moment: int) -> Floats:
        """Return the revision of each value (R,) that counts, by name and label as in `of`; see the function `at_age`."""
        made = np.full(len(times), np.nan)
        names, place = np.unique(series.astype(str), return_inverse=True)
        slot = self._slots(names.tolist(), place, times)
        there = np.flatnonzero(slot >= 0)
        made[there] = at_age(self._targets[target], slot[there], truth, moment)
        return made

    def longest_delay(self, target: str) -> int:
        """Return the longest time (ns) from the start of a step to the first value of it that was known; 0 without values."""
        realized = self._targets[target]
        slots = np.flatnonzero(np.diff(realized.start))
        first = realized.events.known[realized.start[slots]]
        return int((first - self._grid.own.instants[slots]).max(initial=0))

    def _slots(self, names: Sequence[str], codes: Ints, times: Times) -> Ints:
        """Return the slot of each step of the series `names[codes]`; -1 where there is none."""
        number = np.array([self._numbers.get(name, -1) for name in names], np.int64)[codes]
        axis = self._grid.own
        return np.where(number >= 0, axis.slot(np.maximum(number, 0), axis.steps.instants(times)), -1)


def at_age(target: Realized, slots: Ints, truth: Truth, moment: int) -> Floats:
    """Return the revision of the value of each slot (R,) that counts, among those known at `moment`; NaN if there is none yet."""
    if isinstance(truth, AtAge):
        axis = target.axis
        ends = axis.steps.instants(axis.times()[slots] + axis.frequency) + truth.after.ns
        return np.where(ends <= moment, target.at(slots, np.minimum(ends, moment)), np.nan)
    if truth == "last":
        return target.at(slots, np.full(len(slots), moment))
    values = np.flatnonzero(~np.isnan(target.events.value))  # a cell may have been empty at first
    place = np.searchsorted(values, target.start[slots])
    first = np.append(values, len(target.events.value))[place]
    is_known = first < target.start[slots + 1]
    made = np.full(len(slots), np.nan)
    made[is_known] = target.events.value[first[is_known]]
    made[is_known & (target.events.known.take(first, mode="clip") > moment)] = np.nan
    return made


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
