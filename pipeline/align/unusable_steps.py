"""The steps at which a target is unusable, as `align.usable` says: by a value, by intervals in a file or in the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from hindcast.pipeline.align.grid import Axis, Grid
from hindcast.pipeline.align.source_rows import SHARED, SourceRows
from hindcast.pipeline.arrays import Flags, Floats, Ints, Times
from hindcast.pipeline.settings.base import SECOND
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.usable import Usable

Intervals = tuple[Ints, Times, Times]
"""k intervals in ns UTC: the series of each (SHARED: all series), its start, and its end, which is not included."""


def unusable_steps(
    target: str, rows: Mapping[str, SourceRows], grid: Grid, params: Params, group: str
) -> Flags:
    """Return whether a target is unusable at each step (n,): whether an interval overlaps it.

    `rows` are all rows of the group, of all times: what is learned and scored does not depend on when the reason was known.
    """
    rule, found = params.align.usable[target], np.zeros(len(grid.times), np.bool_)
    for series, start, stop in _intervals(rule, rows, grid, params, group):
        is_shared = series == SHARED
        found |= _overlapped(
            grid.shared, np.zeros_like(series[is_shared]), start[is_shared], stop[is_shared]
        )[grid.shared_slot]
        own = ~is_shared
        found |= _overlapped(grid.own, series[own], start[own], stop[own])[grid.own_slot]
    return found


def _intervals(
    rule: Usable, rows: Mapping[str, SourceRows], grid: Grid, params: Params, group: str
) -> Iterator[Intervals]:
    for source, table in rows.items():
        fields = params.raw.sources[source].values
        if rule.value is not None and rule.value in fields:
            series, valid, value = _last_revisions(table, rule.value)
            bad = np.isin(value, rule.numbers(fields[rule.value]))
            yield series[bad], valid[bad], valid[bad] + 1
        if rule.until is not None and rule.until in fields:
            series, valid, value = _last_revisions(table, rule.until)
            yield series, valid, np.rint(value).astype(np.int64) * SECOND
    number = {name: at for at, name in enumerate(grid.names)}
    listed = [
        (SHARED if each.series is None else number[each.series], *each.bounds)
        for each in rule.intervals
        if each.group in (None, group) and (each.series is None or each.series in number)
    ]
    series, start, stop = np.array(listed, np.int64).reshape(-1, 3).T
    yield series, start, stop


def _last_revisions(table: SourceRows, value: str) -> tuple[Ints, Times, Floats]:
    """Return series, valid time and the last revision with a value of each timestamp."""
    column = table.values[value]
    order = np.lexsort((table.known, table.valid, table.series))
    order = order[~np.isnan(column[order])]
    series, valid = table.series[order], table.valid[order]
    last = np.ones(len(order), np.bool_)
    last[:-1] = (series[1:] != series[:-1]) | (valid[1:] != valid[:-1])
    return series[last], valid[last], column[order][last]


def _overlapped(axis: Axis, series: Ints, start: Times, stop: Times) -> Flags:
    """Return which slots of an axis overlap an interval of their series (P,)."""
    change = np.zeros(axis.slots + 1, np.int64)
    if not axis.slots:
        return change[:-1] > 0
    bounds = axis.instants.min() - axis.frequency, axis.instants.max() + 2 * axis.frequency
    start, stop = (np.clip(times, *bounds) for times in (start, stop))
    series, start, stop = (each[start < stop] for each in (series, start, stop))
    ends = (axis.steps.start_of(start), axis.steps.start_of(stop - 1) + axis.frequency)
    low, high = (
        np.clip((labels - axis.first[series]) // axis.frequency, 0, axis.size[series]) for labels in ends
    )
    np.add.at(change, axis.start[series] + low, 1)
    np.add.at(change, axis.start[series] + high, -1)
    found: Flags = np.cumsum(change[:-1]) > 0
    return found
