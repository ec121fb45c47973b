"""Forecast and known values at the steps of a group, each as known at an origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hindcast.pipeline.align.aligned import NOT_ISSUED
from hindcast.pipeline.align.asof import Versions, sort_versions
from hindcast.pipeline.align.cyclic import field_of
from hindcast.pipeline.align.grid import Axis, Grid
from hindcast.pipeline.align.inputs import Input
from hindcast.pipeline.align.resample import Resampling, resample_known
from hindcast.pipeline.align.source_rows import SourceRows, split_shared
from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.settings.known import step_of
from hindcast.pipeline.settings.params import Params


@dataclass(frozen=True)
class Origins:
    """The origins of one track: of each step of the group, and of each step of the shared axis."""

    steps: Times  # (n,)
    shared: Times  # (P,)


@dataclass(frozen=True)
class Vintages:
    """What a source holds for the n steps: V values, NaN = missing, and the issue time used.

    Rows are steps, or, where all series share them, places of the shared axis; `place` (n,) is then that of each step.
    """

    values: Floats  # (m, V)
    on_rows: Times  # (m,)
    place: Ints | None = None

    @cached_property
    def issued(self) -> Times:
        """The issue time used of each step (n,), NOT_ISSUED where none."""
        return self.on_rows if self.place is None else self.on_rows[self.place]

    def of_steps(self) -> Vintages:
        """The same with a row per step."""
        return self if self.place is None else Vintages(self.values[self.place], self.issued)


@dataclass(frozen=True)
class VintageSource:
    """The rows of a forecast or known source, ready for the join: the series' own and the group's shared ones."""

    names: tuple[str, ...]
    how: Resampling
    own: Versions | None
    shared: Versions | None

    def at(self, grid: Grid, origins: Origins, ahead: int = 0, older: int = 0) -> Vintages:
        """What was known at each step's origin about the step `ahead` steps later, `older` vintages back.

        Where the series' own rows have no vintage, those shared by the group are used.
        """
        if self.own is None:
            return self._shared_at(grid, origins, ahead, older)
        own = Vintages(*resample_known(self.own, grid.own_place + ahead, origins.steps, self.how, older))
        if self.shared is None:
            return own
        shared = self._shared_at(grid, origins, ahead, older).of_steps()
        none = own.issued == NOT_ISSUED
        return Vintages(
            np.where(none[:, None], shared.values, own.values), np.where(none, shared.issued, own.issued)
        )

    def _shared_at(self, grid: Grid, origins: Origins, ahead: int, older: int) -> Vintages:
        count = grid.shared.places
        if self.shared is None:
            return Vintages(
                np.full((count, len(self.names)), np.nan), np.full(count, NOT_ISSUED), grid.shared_place
            )
        places = np.arange(ahead, count)  # every series' steps end `ahead` before the axis does
        values, issued = resample_known(self.shared, places, origins.shared[: len(places)], self.how, older)
        return Vintages(values, issued, grid.shared_place)


def make_vintage_source(
    source: str, table: SourceRows, names: tuple[str, ...], grid: Grid, params: Params
) -> VintageSource:
    """Prepare the values `names` of a source: those of a forecast for the vintage rule, others for the newest revision."""
    settings, rule = params.raw.sources[source], params.align.vintage
    is_forecast = settings.role == "forecast"
    max_age = rule.max_age.ns if is_forecast and rule.max_age else None
    rules = tuple(field.resample for name in names if (field := field_of(settings, name)))
    spacing = settings.spacing.ns if settings.spacing else None
    how = Resampling(rules, params.raw.frequency.ns, params.align.least_observed, max_age, spacing)
    only_filled = is_forecast and rule.take == "newest_filled"
    kept = table.with_values() if only_filled else table
    if settings.interpolate:
        kept = interpolated(kept, settings.interpolate.ns, params.raw.frequency.ns)
        kept = kept.with_values() if only_filled else kept
    own = shared = None
    for is_shared, rows in split_shared(kept):
        if is_shared:
            shared = _placed(rows, names, grid.shared)
        else:
            own = _placed(rows, names, grid.own)
    return VintageSource(names, how, own, shared)


@dataclass(frozen=True)
class SharedValues:
    """A column that all series share (P,): a value per place of the shared axis; it may end before the axis does."""

    values: Floats


def first_available(
    input_: Input, read: Mapping[str, tuple[VintageSource, Vintages]], steps: int
) -> Floats | SharedValues:
    """An input (n,): the first of its sources that has a value for the step gives it; NaN where none has.

    What comes from a single source, and is shared by all series, is returned as SharedValues.
    """
    found = [read[source] for source in input_.sources if source in read]
    if len(found) == 1 and found[0][1].place is not None:
        return SharedValues(_column(input_, *found[0]))
    columns = [_column(input_, source, vintages.of_steps()) for source, vintages in found]
    if not columns:
        return np.full(steps, np.nan)
    value = columns[-1]
    for column in columns[-2::-1]:
        value = np.where(np.isnan(column), value, column)
    return value


def _column(input_: Input, source: VintageSource, vintages: Vintages) -> Floats:
    return vintages.values[:, source.names.index(input_.value)]


def _placed(rows: SourceRows, names: tuple[str, ...], axis: Axis) -> Versions:
    place = axis.place(np.maximum(rows.series, 0), rows.valid)
    inside = np.flatnonzero(place >= 0)
    kept = rows.take(inside)
    return sort_versions(place[inside], (kept.valid, kept.known, kept.issue), kept.matrix(names), axis.places)


def interpolated(table: SourceRows, longest: int, frequency: int) -> SourceRows:
    """The rows and, linearly between two neighbouring ones of a vintage, one for the start of each step between them.

    A vintage is the rows of a series with one issue time and one known moment: rows that become known later change
    nothing. Neighbours lie at most `longest` ns apart; where one of them lacks a value, so do the rows between them.
    """
    order = np.lexsort((table.valid, table.known, table.issue, table.series))
    left, right = order[:-1], order[1:]
    joined = table.valid[right] - table.valid[left] <= longest
    for key in (table.series, table.issue, table.known):
        joined &= key[left] == key[right]
    left, right = left[joined], right[joined]
    first = step_of(table.valid[left], frequency) + frequency
    count = np.maximum((step_of(table.valid[right], frequency) - first) // frequency, 0)
    left, right = np.repeat(left, count), np.repeat(right, count)
    nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return _with_rows(table, left, right, np.repeat(first, count) + nth * frequency)


def _with_rows(table: SourceRows, left: Times, right: Times, valid: Times) -> SourceRows:
    share = (valid - table.valid[left]) / (table.valid[right] - table.valid[left])
    return SourceRows(
        series=np.concatenate([table.series, table.series[left]]),
        valid=np.concatenate([table.valid, valid]),
        known=np.concatenate([table.known, table.known[left]]),
        issue=np.concatenate([table.issue, table.issue[left]]),
        values={
            name: np.concatenate([column, column[left] + (column[right] - column[left]) * share])
            for name, column in table.values.items()
        },
    )
