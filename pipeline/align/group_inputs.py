"""Everything of a group that its tracks share: its steps and its sources, ready to be read as of an origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hindcast.pipeline.align.features.registry import (
    Column,
    Input,
    columns,
    forecast_input,
    inputs,
    realized_parts,
    statics,
)
from hindcast.pipeline.align.grid import Grid, make_grid
from hindcast.pipeline.align.public_days import holidays_of
from hindcast.pipeline.align.realized import Realized, realized
from hindcast.pipeline.align.source_rows import SHARED, Table, read_rows, sources_with_role
from hindcast.pipeline.align.vintages import Origins, VintageSource, vintage_source
from hindcast.pipeline.arrays import Floats, Ints
from hindcast.pipeline.errors import AlignmentError
from hindcast.pipeline.settings.align import Holidays
from hindcast.pipeline.settings.params import Params


@dataclass(frozen=True)
class Prepared:
    """A group's steps, the recipes of X's columns, and what they are made from."""

    params: Params
    zone: str
    grid: Grid
    columns: tuple[Column, ...]
    inputs: tuple[Input, ...]
    published: tuple[Input | None, ...]  # one a target
    vintages: Mapping[str, VintageSource]  # forecast and known sources with rows in this group
    static: Mapping[str, Floats]  # attributes, a value a series
    holidays: Holidays | None
    realized: Mapping[str, Realized]  # the realized values that are targets, lags or recent
    origins: Ints  # (P, tracks) of each step on the grid's shared axis

    def origins_of(self, track: int) -> Origins:
        """The origins of one track."""
        shared = self.origins[:, track]
        return Origins(shared[self.grid.shared_place], shared)


def prepare(frames: Mapping[str, pd.DataFrame], params: Params, group: str) -> Prepared:
    """Order the rows of a group; raises AlignmentError if the settings give the group no zone or no holidays."""
    zone = params.raw.zone_of(group)
    if zone is None:
        raise AlignmentError(
            f"raw.zone names no zone for the group {group!r}; add it, or leave the group out with align.groups."
        )
    names, tables = read_rows(frames, params)
    grid = make_grid(names, tables, params)
    published = tuple(
        forecast_input(params, params.align.published[target]) if target in params.align.published else None
        for target in params.align.target
    )
    return Prepared(
        params=params,
        zone=zone,
        grid=grid,
        columns=columns(params),
        inputs=inputs(params),
        published=published,
        vintages=_vintages(tables, (*inputs(params), *filter(None, published)), grid, params),
        static={one.name: attributes(one, tables, len(names)) for one in statics(params)},
        holidays=holidays_of(params.align.features.holidays, group),
        realized={value: realized(value, tables, grid, params) for value in _realized_values(params)},
        origins=params.align.origin.origins(grid.shared.times(), zone),
    )


def _vintages(
    tables: Mapping[str, Table], read: tuple[Input, ...], grid: Grid, params: Params
) -> dict[str, VintageSource]:
    """Each source with the values that are read of it; a forecast source is joined even where none is."""
    made = {}
    for source in sources_with_role(params, tables, "forecast", "known"):
        if params.raw.sources[source].is_static:
            continue
        values = tuple(dict.fromkeys(one.value for one in read if source in one.sources))
        made[source] = vintage_source(source, tables[source], values, grid, params)
    return made


def _realized_values(params: Params) -> list[str]:
    chosen = params.align.features
    named = [*params.align.target, *chosen.lags, *chosen.recent, *chosen.rolling]
    return list(dict.fromkeys(part for name in named for part in realized_parts(params, name)))


def attributes(one: Input, tables: Mapping[str, Table], series: int) -> Floats:
    """The attribute of each of S series (S,), NaN where none.

    Of its sources the first that has it gives it, by the series' own row, else by the one for all of its group.
    """
    found = np.full(series, np.nan)
    for source in reversed(one.sources):
        if source in tables:
            table = tables[source]
            value = table.values[one.value]  # noqa: PD011 - a Table of ours, not a frame
            there = np.flatnonzero(~np.isnan(value))
            shared = there[table.series[there] == SHARED]
            own = there[table.series[there] >= 0]
            found[:] = value[shared[-1]] if len(shared) else found
            found[table.series[own]] = value[own]
    return found
