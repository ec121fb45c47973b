"""The data of a group that all its tracks share: its steps, and its sources prepared for reads as of an origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from hindcast.pipeline.align.coarse_rows import in_pieces
from hindcast.pipeline.align.cyclic import field_of
from hindcast.pipeline.align.grid import Grid, make_grid
from hindcast.pipeline.align.inputs import Input, forecast_input, inputs, realized_inputs
from hindcast.pipeline.align.missed_issues import without_missed
from hindcast.pipeline.align.readings import count_counted, with_counted
from hindcast.pipeline.align.realized import Realized, read_realized
from hindcast.pipeline.align.source_rows import SourceRows, count_flags, read_rows, sources_with_role
from hindcast.pipeline.align.unusable_steps import unusable_steps
from hindcast.pipeline.align.vintage_rows import count_group_amounts
from hindcast.pipeline.align.vintages import Origins, VintageSource, make_vintage_source
from hindcast.pipeline.arrays import Flags, Ints, Times
from hindcast.pipeline.errors import AlignmentError
from hindcast.pipeline.settings.clock import wall_of
from hindcast.pipeline.settings.features import Holidays
from hindcast.pipeline.settings.params import Params


@dataclass(frozen=True)
class GroupInputs:
    """The steps of a group, and the inputs of the columns of X."""

    params: Params
    zone: str
    grid: Grid
    inputs: tuple[Input, ...]
    published: tuple[Input | None, ...]  # one per target
    vintages: Mapping[
        str, VintageSource
    ]  # forecast and known sources with rows in this group, without flagged values
    as_published: Mapping[
        str, VintageSource
    ]  # the sources of published forecasts with flagged values, as stored
    static: Mapping[str, SourceRows]  # sources of attributes with rows in this group
    holidays: Holidays | None
    realized: Mapping[
        str, Realized
    ]  # the realized values that features and baselines read, without flagged values
    targets: Mapping[str, Realized]  # the targets as stored
    flagged: Mapping[
        str, Realized
    ]  # 1 where a target is flagged; of targets whose flagged values count as missing
    unusable: Mapping[
        str, Flags
    ]  # whether a target is unusable at each step (n,), of the targets in align.usable
    has_flags: bool  # flagged values of a target or of its published forecast count as missing, or targets are unusable
    flag_counts: Mapping[str, Mapping[str, Mapping[str, int]]]  # source -> value -> limit -> values beyond it
    amounts: Mapping[str, Any]  # of accumulated values and counters, by `source.value`
    origins: Ints  # (P, tracks) of each step on the grid's shared axis

    def origins_of(self, track: int) -> Origins:
        """Return the origins of one track."""
        shared = self.origins[:, track]
        return Origins(shared[self.grid.shared_slot], shared)

    @cached_property
    def wall(self) -> Times:
        """The wall timestamp in the group's zone of the start of each step of the shared axis (P,)."""
        times, is_label = self.grid.shared.times(), self.params.raw.has_local_days
        return times if is_label else wall_of(times, self.zone)


def measured_targets(
    frames: Mapping[str, pd.DataFrame], params: Params, group: str
) -> tuple[Grid, dict[str, Realized]]:
    """Return the steps of the series of a group, and its targets as stored, with when each value became known.

    The same values as those of `prepare_group`, without the inputs of X.
    """
    names, rows = read_rows(frames, params, group)
    rows = with_counted(_in_pieces(rows, params, group), params, group)
    grid = make_grid(names, rows, params, group)
    found = {input_.value: input_ for _, input_ in realized_inputs(params, params.align.target)}
    return grid, {name: read_realized(found[name], rows, grid, params) for name in params.align.target}


def prepare_group(
    frames: Mapping[str, pd.DataFrame],
    params: Params,
    group: str,
    last_label: int | None = None,
    *,
    runs_missed: bool = False,
) -> GroupInputs:
    """Prepare the rows of a group; with `last_label`, every series has steps up to this label, as `make_grid` describes.

    `runs_missed`: without the issues that `train.missing_runs` draws; the steps are the same.

    Raises AlignmentError if the settings do not give the group a zone or its holidays.
    """
    zone = zone_of_group(params, group)
    names, rows = read_rows(frames, params, group)
    readings = count_counted(rows, params, group, names)
    rows = with_counted(_in_pieces(rows, params, group), params, group)
    grid = make_grid(names, rows, params, group, last_label)
    rows = without_missed(rows, params) if runs_missed else rows
    read, published = inputs(params), _published(params)
    values = dict.fromkeys([*params.align.target, *params.align.features.realized_values])
    cleaned = {name: table.without_flagged(params.raw.sources[name]) for name, table in rows.items()}
    every = (*read, *filter(None, published))
    realized = {input_.value: input_ for _, input_ in realized_inputs(params, values)}
    flagged = [name for name in params.align.target if _counts_as_missing(realized[name], params)]
    has_flags = bool(flagged) or any(_counts_as_missing(input_, params) for input_ in filter(None, published))
    stored = {name: read_realized(realized[name], rows, grid, params) for name in params.align.target}
    return GroupInputs(
        params=params,
        zone=zone,
        grid=grid,
        inputs=read,
        published=published,
        vintages=_vintages(cleaned, every, grid, params, group),
        as_published=_vintages(_changed_by_flags(rows, cleaned, published), every, grid, params, group),
        static={name: table for name, table in cleaned.items() if params.raw.sources[name].is_static},
        holidays=_holidays_of(params.align.features.holidays, group),
        realized={
            name: stored[name]
            if name in stored and name not in flagged
            else read_realized(input_, rows, grid, params, "cleaned")
            for name, input_ in realized.items()
        },
        targets=stored,
        flagged={name: read_realized(realized[name], rows, grid, params, "flags") for name in flagged},
        unusable={name: unusable_steps(name, rows, grid, params, group) for name in params.align.usable},
        has_flags=has_flags or bool(params.align.usable),
        flag_counts=count_flags(rows, params),
        amounts=count_group_amounts(rows, params, group, names) | readings,
        origins=params.align.origin.origins(grid.shared.instants, zone),
    )


def _published(params: Params) -> tuple[Input | None, ...]:
    """Return the published forecast of each target."""
    chosen = params.align.published
    return tuple(
        forecast_input(params, chosen[target]) if target in chosen else None for target in params.align.target
    )


def _in_pieces(rows: Mapping[str, SourceRows], params: Params, group: str) -> dict[str, SourceRows]:
    cut = {}
    for name, table in rows.items():
        source = params.raw.sources[name]
        cut[name] = in_pieces(table, source, params.raw.stamp_grid(source, group).pitch)
    return cut


def zone_of_group(params: Params, group: str) -> str:
    """Return the zone of a group; raises AlignmentError if the settings give none."""
    zone = params.raw.zone_of(group)
    if zone is None:
        raise AlignmentError(
            f"raw.zone has no zone for the group {group!r}; add one, or exclude the group with align.groups."
        )
    return zone


def _vintages(
    rows: Mapping[str, SourceRows], read: tuple[Input, ...], grid: Grid, params: Params, group: str
) -> dict[str, VintageSource]:
    """Prepare each source with the values read from it; a forecast source is joined even if none of its values is read."""
    made = {}
    for source in sources_with_role(params, rows, "forecast", "known"):
        if not params.raw.sources[source].is_static:
            values = tuple(dict.fromkeys(input_.value for input_ in read if source in input_.sources))
            made[source] = make_vintage_source(source, rows[source], values, grid, params, group)
    return made


def _counts_as_missing(input_: Input, params: Params) -> bool:
    fields = (field_of(params.raw.sources[source], input_.value) for source in input_.sources)
    return any(field is not None and field.counts_as_missing for field in fields)


def _changed_by_flags(
    rows: Mapping[str, SourceRows], cleaned: Mapping[str, SourceRows], published: tuple[Input | None, ...]
) -> dict[str, SourceRows]:
    """Return the stored rows of the sources of published forecasts whose flagged values count as missing."""
    sources = dict.fromkeys(source for input_ in published if input_ is not None for source in input_.sources)
    return {name: rows[name] for name in sources if name in rows and rows[name] is not cleaned[name]}


def _holidays_of(chosen: Holidays | Mapping[str, Holidays] | None, group: str) -> Holidays | None:
    if chosen is None or isinstance(chosen, Holidays):
        return chosen
    if group not in chosen:
        raise AlignmentError(
            f"align.features.holidays has no country for the group {group!r}; add one, or exclude the group with "
            "align.groups."
        )
    return chosen[group]
