"""Forecast and known values at the steps of a group, each as known at an origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from hindcast.pipeline.align.aligned import NOT_ISSUED
from hindcast.pipeline.align.asof import Versions, sort_versions
from hindcast.pipeline.align.cyclic import field_of
from hindcast.pipeline.align.grid import Axis, Grid
from hindcast.pipeline.align.inputs import Input
from hindcast.pipeline.align.resample import Resampling, resample_known
from hindcast.pipeline.align.source_rows import SourceRows, split_shared
from hindcast.pipeline.align.vintage_rows import complete_rows
from hindcast.pipeline.arrays import Floats, Ints, Times
from hindcast.pipeline.settings.params import Params


@dataclass(frozen=True)
class Origins:
    """The origins of one track: of each step of the group, and of each step of the shared axis."""

    steps: Times  # (n,)
    shared: Times  # (P,)


@dataclass(frozen=True)
class Vintages:
    """The values of a source for the n steps: V values, NaN = missing, and the issue time used.

    Rows are steps, or slots of the shared axis if all series share them; `slot` (n,) is then the slot of each step.
    """

    values: Floats  # (m, V)
    on_rows: Times  # (m,)
    slot: Ints | None = None

    @cached_property
    def issued(self) -> Times:
        """The issue time used for each step (n,); NOT_ISSUED if there is none."""
        return self.on_rows if self.slot is None else self.on_rows[self.slot]

    def of_steps(self) -> Vintages:
        """Return the same with a row per step."""
        return self if self.slot is None else Vintages(self.values[self.slot], self.issued)


@dataclass(frozen=True)
class VintageSource:
    """The rows of a forecast or known source, sorted for the join: rows of single series, and rows shared by the group."""

    names: tuple[str, ...]
    how: Resampling
    own: Versions | None
    shared: Versions | None

    def at(self, grid: Grid, origins: Origins, ahead: int = 0, older: int = 0) -> Vintages:
        """Return what was known at the origin of each step about the step `ahead` steps later, `older` vintages before the newest.

        Rows shared by the group are used at steps for which the rows of the series have no vintage.
        """
        if self.own is None:
            return self._shared_at(grid, origins, ahead, older)
        own = Vintages(*resample_known(self.own, grid.own_slot + ahead, origins.steps, self.how, older))
        if self.shared is None:
            return own
        shared = self._shared_at(grid, origins, ahead, older).of_steps()
        none = own.issued == NOT_ISSUED
        return Vintages(
            np.where(none[:, None], shared.values, own.values), np.where(none, shared.issued, own.issued)
        )

    def _shared_at(self, grid: Grid, origins: Origins, ahead: int, older: int) -> Vintages:
        count = grid.shared.slots
        if self.shared is None:
            return Vintages(
                np.full((count, len(self.names)), np.nan), np.full(count, NOT_ISSUED), grid.shared_slot
            )
        slots = np.arange(ahead, count)  # the steps of every series end `ahead` steps before the axis
        values, issued = resample_known(self.shared, slots, origins.shared[: len(slots)], self.how, older)
        return Vintages(values, issued, grid.shared_slot)


def make_vintage_source(  # noqa: PLR0917 - what one source needs
    source: str, table: SourceRows, names: tuple[str, ...], grid: Grid, params: Params, group: str = ""
) -> VintageSource:
    """Prepare the values `names` of a source: a forecast for the vintage rule, other sources for the newest revision."""
    settings, rule = params.raw.sources[source], params.align.vintage
    is_forecast = settings.role == "forecast"
    max_age = rule.max_age.ns if is_forecast and rule.max_age else None
    rules = tuple(found.resample for name in names if (found := field_of(settings, name)))
    spacing = settings.spacing.ns if settings.spacing else None
    how = Resampling(rules, grid.shared.steps, params.align.least_observed, max_age, spacing)
    only_filled = is_forecast and rule.take == "newest_filled"
    kept = table.with_values() if only_filled else table
    if not settings.sums_members:  # else the rows of each member are complete
        kept = complete_rows(kept, settings, params.raw.stamp_grid(None, group))
        kept = kept.with_values() if only_filled and settings.interpolate else kept
    axes = {True: grid.shared, False: grid.own}
    versions = {is_shared: _on_axis(rows, names, axes[is_shared]) for is_shared, rows in split_shared(kept)}
    return VintageSource(names, how, own=versions.get(False), shared=versions.get(True))


@dataclass(frozen=True)
class SharedValues:
    """A column that all series share: a value per slot of the shared axis (P,), which may end before the axis.

    Only the k steps `steps` have other values, `of_steps`: not every series has the step before a gap.
    """

    values: Floats
    steps: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    of_steps: Floats = field(default_factory=lambda: np.empty(0))


def first_available(
    input_: Input, read: Mapping[str, tuple[VintageSource, Vintages]], steps: int
) -> Floats | SharedValues:
    """Return an input (n,), for each step from the first of its sources that has a value; NaN if none has one.

    An input from a single source that all series share is returned as SharedValues.
    """
    found = [read[source] for source in input_.sources if source in read]
    if len(found) == 1 and found[0][1].slot is not None:
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


def _on_axis(rows: SourceRows, names: tuple[str, ...], axis: Axis) -> Versions:
    slot = axis.slot(np.maximum(rows.series, 0), rows.valid)
    inside = np.flatnonzero(slot >= 0)
    kept = rows.take(inside)
    return sort_versions(slot[inside], (kept.valid, kept.known, kept.issue), kept.matrix(names), axis.slots)
