"""A realized value at the steps of the series of a group, as known at any origin."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from hindcast.pipeline.align.aligned import NEVER_KNOWN
from hindcast.pipeline.align.asof import (
    Versions,
    block_starts,
    changes,
    is_sorted,
    last_at_most,
    sort_versions,
)
from hindcast.pipeline.align.cyclic import field_of
from hindcast.pipeline.align.flags import NOT_FLAGGED, retract
from hindcast.pipeline.align.grid import Axis, Grid
from hindcast.pipeline.align.inputs import Input
from hindcast.pipeline.align.resample import Resampling, resample_known
from hindcast.pipeline.align.source_rows import SourceRows, split_shared
from hindcast.pipeline.arrays import TIME_MAX, Floats, Ints, Times
from hindcast.pipeline.settings.params import Params


@dataclass(frozen=True)
class Events:
    """The values that became known: from `known` on, the step at `slot` has `value`. Sorted by (slot, known).

    A value of NaN removes the value before it.
    """

    slot: Ints
    known: Times
    value: Floats


@dataclass(frozen=True)
class Realized:
    """The events of one value on an axis. A step that has a value keeps it, until a revision replaces it."""

    axis: Axis
    events: Events

    @cached_property
    def start(self) -> Ints:
        """Events of slot p are `start[p]:start[p + 1]`."""
        return block_starts(self.events.slot, self.axis.slots)

    @cached_property
    def final(self) -> tuple[Floats, Times]:
        """The last revision of each slot and the time at which it became known; NaN and NEVER_KNOWN if there is none."""
        value = np.full(self.axis.slots, np.nan)
        known = np.full(self.axis.slots, NEVER_KNOWN)
        value[self.events.slot] = self.events.value  # a later event overwrites an earlier one
        known[self.events.slot] = self.events.known
        return value, known

    @cached_property
    def is_revised(self) -> bool:
        """Whether any step has more than one event."""
        return bool((self.events.slot[1:] == self.events.slot[:-1]).any())

    def at(self, slots: Ints, origins: Times) -> Floats:
        """Return the value of each slot as known at its origin; NaN if there is none, or if the slot is -1."""
        if not self.is_revised:
            value, known = self.final
            if not len(value):
                return np.full(len(slots), np.nan)
            found = value.take(slots, mode="clip")
            found[(slots < 0) | (known.take(slots, mode="clip") > origins)] = np.nan
            return found
        first = self.start[slots]
        event = last_at_most(self.events.known, first, self.start[slots + 1], origins)
        is_known = (slots >= 0) & (event >= first)
        return np.where(is_known, self.events.value.take(event, mode="clip"), np.nan)

    def newest(self, series: Ints, origins: Times) -> Ints:
        """Return the slot of the newest step of each series that has a value known at the origin; -1 if there is none."""
        if not len(series) or not len(self.events.slot):
            return np.full(len(series), -1, np.int64)
        first_known, newest, start = self._arrivals
        at = np.flatnonzero(changes(series, origins))  # many steps share an origin
        low = start[series[at]]
        found = last_at_most(first_known, low, start[series[at] + 1], origins[at])
        slot = np.where(found >= low, newest.take(found, mode="clip"), -1)
        if self.has_retractions:
            slot = self._before_retracted(slot, series[at], origins[at])
        return np.repeat(slot, np.diff(np.append(at, len(series))))

    @cached_property
    def has_retractions(self) -> bool:
        """Whether any value is taken back."""
        return bool(np.isnan(self.events.value).any())

    def _before_retracted(self, slot: Ints, series: Ints, origins: Times) -> Ints:
        """Return the newest slot up to `slot` that has a value at the origin; -1 if there is none.

        Adjacent slots whose values become missing for good at the same moment, as in a run, are skipped together.
        """
        places, taken_back, previous = self._retracted_runs
        at = np.where(slot >= 0, np.searchsorted(places, slot), -1)
        lost = np.flatnonzero(at >= 0)
        while len(lost):
            here = at[lost]
            has_none = np.isnan(self.at(places[here], origins[lost]))
            lost, here = lost[has_none], here[has_none]
            at[lost] = np.where(taken_back[here] <= origins[lost], previous[here], here - 1)
            outside = (at[lost] < 0) | (places[at[lost]] < self.axis.start[series[lost]])
            at[lost[outside]] = -1
            lost = lost[~outside]
        return np.where(at >= 0, places.take(at, mode="clip"), -1)

    @cached_property
    def _retracted_runs(self) -> tuple[Ints, Times, Ints]:
        """The slots with events. For each of them: the moment from which it has no value (TIME_MAX: it keeps one), and the
        index of the slot before the adjacent ones with the same moment.
        """
        last = np.flatnonzero(np.diff(self.events.slot, append=-1))
        taken_back = np.where(np.isnan(self.events.value[last]), self.events.known[last], TIME_MAX)
        begins = np.diff(taken_back, prepend=taken_back[:1] - 1) != 0
        return self.events.slot[last], taken_back, np.flatnonzero(begins)[np.cumsum(begins) - 1] - 1

    @cached_property
    def _arrivals(self) -> tuple[Times, Ints, Ints]:
        """Times at which steps got their first value, the newest step with a value at each, and the starts of the series in both.

        Sorted by (series, time).
        """
        first = np.flatnonzero(np.diff(self.events.slot, prepend=-1))
        slot, known = self.events.slot[first], self.events.known[first]
        series = self.axis.series()[slot]
        if not is_sorted(series, known):
            order = np.lexsort((known, series))
            slot, known, series = slot[order], known[order], series[order]
        # slots ascend with the series, so the running maximum never includes slots of another series
        return known, np.maximum.accumulate(slot), block_starts(series, len(self.axis.size))


Reading = Literal["stored", "cleaned", "flags"]
"""What is read for a value: `stored`: the value as it is stored; `cleaned`: the value, missing from the moment from which it is
flagged; `flags`: 1 if it is flagged at any time, else 0.
"""


def read_realized(
    input_: Input, tables: Mapping[str, SourceRows], grid: Grid, params: Params, reading: Reading = "stored"
) -> Realized:
    """Read one value from all sources that have it.

    If several sources have a value for a step, the first of them in the order of the settings is used from the time at
    which its value is known; the rows of a series take precedence over rows shared by the group.
    """
    found: list[Events] = []
    for source in input_.sources:
        for is_shared, rows in split_shared(tables[source]) if source in tables else ():
            field = field_of(params.raw.sources[source], input_.value)
            assert field is not None  # an input has only sources with this value
            spacing = params.raw.sources[source].spacing
            how = Resampling(
                ("max" if reading == "flags" else field.resample,),
                grid.own.steps,
                params.align.least_observed,
                spacing=spacing.ns if spacing else None,
            )
            versions = _VERSIONS[reading](rows, input_.value, counts_as_missing=field.counts_as_missing)
            events = _events(versions, grid.shared if is_shared else grid.own, how)
            found.append(_repeated(events, grid) if is_shared else events)
    return Realized(grid.own, found[0] if len(found) == 1 else _merged(found, grid.own.slots))


@dataclass(frozen=True)
class _ValueVersions:
    """The versions of one value; the last `retracted` of them replace the version before even if they have no value."""

    series: Ints
    valid: Times
    known: Times
    value: Floats
    retracted: int = 0


def _stored(rows: SourceRows, value: str, *, counts_as_missing: bool) -> _ValueVersions:  # noqa: ARG001
    return _ValueVersions(rows.series, rows.valid, rows.known, rows.values[value])


def _cleaned(rows: SourceRows, value: str, *, counts_as_missing: bool) -> _ValueVersions:
    """Remove values that are flagged as soon as they are known; add a version when another one is recognised as flagged."""
    if not counts_as_missing:
        return _stored(rows, value, counts_as_missing=counts_as_missing)
    column, moment = rows.values[value], rows.flags[value].moment
    kept = np.where(moment <= rows.known, np.nan, column)
    added = retract(rows.series, (rows.valid, rows.known), kept, moment)
    return _ValueVersions(
        np.concatenate([rows.series, rows.series[added.row]]),
        np.concatenate([rows.valid, rows.valid[added.row]]),
        np.concatenate([rows.known, added.known]),
        np.concatenate([kept, added.value]),
        len(added.row),
    )


def _flagged(rows: SourceRows, value: str, *, counts_as_missing: bool) -> _ValueVersions:
    column = rows.values[value]
    flagged = (
        rows.flags[value].moment != NOT_FLAGGED if counts_as_missing else np.zeros(len(column), np.bool_)
    )
    return _ValueVersions(
        rows.series, rows.valid, rows.known, np.where(np.isnan(column), np.nan, flagged.astype(np.float64))
    )


_VERSIONS: dict[Reading, Callable[..., _ValueVersions]] = {
    "stored": _stored,
    "cleaned": _cleaned,
    "flags": _flagged,
}


def _events(rows: _ValueVersions, axis: Axis, how: Resampling) -> Events:
    slot = axis.slot(np.maximum(rows.series, 0), rows.valid)
    # a revision without a value does not delete the previous value, a retraction does
    wins = (~np.isnan(rows.value)).astype(np.int64)
    wins[len(wins) - rows.retracted :] = 1
    joined = sort_versions(
        slot, (rows.valid, rows.known, rows.known), rows.value[:, None], axis.slots, rank=wins
    )
    if joined.stamps_at_most <= 1 and joined.rows_at_most <= 1 and how.holds_one:
        return _single(joined)
    at, known = _moments(joined)
    values, _ = resample_known(joined, at, known, how)
    kept = ~np.isnan(values[:, 0])
    if rows.retracted:
        taken_back = slice(len(slot) - rows.retracted, None)
        kept[_places(at, known, slot[taken_back], rows.known[taken_back], axis.slots)] = True
    return Events(at[kept], known[kept], values[kept, 0])


def _places(slots: Ints, known: Times, slot: Ints, moment: Times, count: int) -> Ints:
    """Return the indices of pairs (slot, moment) in the sorted pairs (slots, known), of those inside of the axis."""
    inside = slot >= 0
    start = block_starts(slots, count)
    return last_at_most(known, start[slot[inside]], start[slot[inside] + 1], moment[inside])


def _single(joined: Versions) -> Events:
    """Convert rows to events, for steps with at most one row each."""
    first = joined.stamp_start[0]  # rows before it are outside all steps
    slot = np.repeat(np.arange(len(joined.stamp_start) - 1), np.diff(joined.stamp_start))
    value, known = joined.values[first : first + len(slot), 0], joined.known[first : first + len(slot)]
    present = ~np.isnan(value)
    return Events(slot[present], known[present], value[present])


def _moments(joined: Versions) -> tuple[Ints, Times]:
    """Return the distinct (slot, known) of the rows, sorted: the only times at which the value of a step can change."""
    stamp_slot = np.repeat(np.arange(len(joined.stamp_start) - 1), np.diff(joined.stamp_start))
    slot, known = np.repeat(stamp_slot, np.diff(joined.row_start)), joined.known
    if not is_sorted(slot, known):
        order = np.lexsort((known, slot))
        slot, known = slot[order], known[order]
    new = changes(slot, known)
    return slot[new], known[new]


def _repeated(events: Events, grid: Grid) -> Events:
    """Repeat events on the shared axis for every series that has the step."""
    offset = (grid.own.first - grid.shared.first[0]) // grid.own.frequency
    low, high = np.searchsorted(events.slot, [offset, offset + grid.own.size])
    at = np.concatenate([np.arange(*bounds) for bounds in zip(low, high, strict=True)])
    slot = events.slot[at] + np.repeat(grid.own.start[:-1] - offset, high - low)
    return Events(slot, events.known[at], events.value[at])


def _merged(found: list[Events], slots: int) -> Events:
    """Return the events at which the value changes its source or is revised; earlier members of `found` take precedence."""
    if not found:
        return Events(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    if any(np.isnan(events.value).any() for events in found):
        return _merged_with_retractions(found, slots)
    slot = np.concatenate([events.slot for events in found])
    known = np.concatenate([events.known for events in found])
    value = np.concatenate([events.value for events in found])
    rank = np.repeat(-np.arange(len(found)), [len(events.slot) for events in found])
    joined = sort_versions(slot, (np.zeros_like(known), known, known), value[:, None], slots, rank=rank)
    best = np.arange(len(joined.known)) if joined.best is None else joined.best
    won = np.flatnonzero(best == np.arange(len(best)))
    row_slot = np.repeat(np.arange(slots), np.diff(joined.row_start[joined.stamp_start]))
    return Events(row_slot[won], joined.known[won], joined.values[won, 0])


def _merged_with_retractions(found: list[Events], slots: int) -> Events:
    """Return the same where values are taken back: whenever the first of `found` has none, the next one is used."""
    slot = np.concatenate([events.slot for events in found])
    known = np.concatenate([events.known for events in found])
    order = np.lexsort((known, slot))
    slot, known = slot[order], known[order]
    new = changes(slot, known)
    slot, known = slot[new], known[new]
    value = np.full(len(slot), np.nan)
    for events in reversed(found):
        start = block_starts(events.slot, slots)
        event = last_at_most(events.known, start[slot], start[slot + 1], known)
        held = events.value.take(event, mode="clip")
        value = np.where((event >= start[slot]) & ~np.isnan(held), held, value)
    return Events(slot, known, value)
