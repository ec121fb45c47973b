"""The regular steps of the series of a group, and the lookup of the step that contains a timestamp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hindcast.pipeline.align.asof import is_sorted
from hindcast.pipeline.align.source_rows import SHARED, SourceRows, sources_with_role
from hindcast.pipeline.arrays import Ints, Times
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.stamp_grid import StampGrid


@dataclass(frozen=True)
class Axis:
    """The steps of S series, one series after another, numbered as slots 0 .. P-1.

    Series s has `size[s]` steps, the first with the label `first[s]`; their slots begin at `start[s]`.
    """

    steps: StampGrid
    first: Times  # (S,)
    size: Ints  # (S,)

    @property
    def frequency(self) -> int:
        """The time between the labels of consecutive steps, in ns."""
        return self.steps.frequency

    @cached_property
    def start(self) -> Ints:
        """The first slot of each series, and P at the end (S + 1,)."""
        return np.concatenate([[0], np.cumsum(self.size)])

    @property
    def slots(self) -> int:
        """The number of slots P."""
        return int(self.size.sum())

    def slot(self, series: Ints, stamps: Times) -> Ints:
        """Return the slot of the step that contains each timestamp; -1 if it is outside the steps of its series."""
        labels = self.steps.start_of(stamps) if self.steps.zone else stamps
        step = np.floor_divide(labels - self.first[series], self.frequency)
        inside = (step >= 0) & (step < self.size[series])
        return np.where(inside, self.start[series] + step, -1)

    def series(self) -> Ints:
        """Return the series of each slot (P,)."""
        return np.repeat(np.arange(len(self.size)), self.size)

    def times(self) -> Times:
        """Return the label of the step of each slot (P,)."""
        series = self.series()
        return self.first[series] + (np.arange(self.slots) - self.start[series]) * self.frequency

    @cached_property
    def instants(self) -> Times:
        """When the step of each slot starts (P,): its label, except for steps of local days."""
        return self.steps.instants(self.times())


@dataclass(frozen=True)
class Grid:
    """The n steps of a group, ordered by (series, time), and the axes to which rows are assigned.

    `own` has every step with rows of a series, including steps before `align.from`, because lags read them; `shared`
    is one axis over all of these steps, for rows that hold for every series.
    """

    names: tuple[str, ...]
    own: Axis
    shared: Axis
    series: Ints  # (n,)
    times: Times  # (n,) labels
    own_slot: Ints  # (n,)
    shared_slot: Ints  # (n,)

    @cached_property
    def own_step(self) -> Ints:
        """The index of each step in its own series (n,)."""
        return self.own_slot - self.own.start[self.series]

    @cached_property
    def instants(self) -> Times:
        """When each step starts (n,): its label, except for steps of local days."""
        return self.shared.steps.instants(self.times)

    @cached_property
    def used_shared(self) -> Ints:
        """The distinct shared slots of the steps, sorted."""
        return np.flatnonzero(np.bincount(self.shared_slot, minlength=self.shared.slots))

    def before(self, back: Ints | int) -> Ints:
        """Return the slots `back` steps earlier in the same series (n,); -1 before its first step."""
        return np.where(self.own_step >= back, self.own_slot - back, -1)


def make_grid(
    names: tuple[str, ...],
    tables: Mapping[str, SourceRows],
    params: Params,
    group: str = "",
    last_label: int | None = None,
) -> Grid:
    """Build the grid: a series has all steps from the first to the last one with a realized or forecast row of its own.

    Steps are cut to [align.from, align.until). Rows shared by the group do not add steps: a series that starts late or
    ends early is not padded with steps that have no target. With `last_label` every series ends with the step of this label, with or
    without rows: a forecast in service may lie after all rows.
    """
    frequency, steps = params.raw.frequency.ns, params.raw.stamp_grid(None, group)
    first, last = _own_range(len(names), tables, params, steps)
    if last_label is not None:
        last = np.maximum(last, last_label)
    low, high = _widened(first, last, tables, params, steps)
    own = Axis(steps, low, np.maximum((high - low) // frequency + 1, 0))
    start = low.min(initial=high.max(initial=steps.offset))
    shared = Axis(steps, np.array([start]), np.array([(high.max(initial=start) - start) // frequency + 1]))
    series, times = own.series(), own.times()
    inside = (times >= first[series]) & (times <= last[series])
    if params.align.from_ is not None:
        inside &= times >= params.align.from_
    if params.align.until is not None:
        inside &= times < params.align.until
    at = np.flatnonzero(inside)
    return Grid(names, own, shared, series[at], times[at], at, (times[at] - start) // frequency)


def _own_range(
    count: int, tables: Mapping[str, SourceRows], params: Params, steps: StampGrid
) -> tuple[Times, Times]:
    """Return the first and last step of each series; every series has rows, and so at least one step."""
    bounds = np.iinfo(np.int64)
    first, last = np.full(count, bounds.max), np.full(count, bounds.min)
    for name in sources_with_role(params, tables, "realized", "forecast"):
        table = tables[name]
        own = table.take(np.flatnonzero(table.series != SHARED))
        if is_sorted(own.series, own.valid):  # as ingest writes them
            start = np.flatnonzero(np.diff(own.series, prepend=SHARED))
            series, earliest = own.series[start], own.valid[start]
            latest = own.valid[np.append(start[1:], len(own.valid))[: len(start)] - 1]
        else:
            series, earliest, latest = own.series, own.valid, own.valid
        np.minimum.at(first, series, steps.start_of(earliest))
        np.maximum.at(last, series, steps.start_of(latest))
    return first, last


def _widened(
    first: Times, last: Times, tables: Mapping[str, SourceRows], params: Params, steps: StampGrid
) -> tuple[Times, Times]:
    """Return the range in which rows are read: later steps for `ahead`, and all steps with shared realized rows."""
    low, high = first.copy(), last + params.align.features.ahead * steps.frequency
    for name in sources_with_role(params, tables, "realized"):
        shared = tables[name].valid[tables[name].series == SHARED]
        if len(shared):
            low = np.minimum(low, steps.start_of(shared.min(keepdims=True)))
            high = np.maximum(high, steps.start_of(shared.max(keepdims=True)))
    return low, high
