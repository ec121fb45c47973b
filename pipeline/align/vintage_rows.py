"""The rows of the vintages of a source: those between two timestamps, and amounts in place of accumulated values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from hindcast.pipeline.align.accumulated import count_amounts, with_amounts
from hindcast.pipeline.align.source_rows import SHARED, SourceRows
from hindcast.pipeline.arrays import Times
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.settings.stamp_grid import StampGrid


def complete_rows(table: SourceRows, source: Source, steps: StampGrid) -> SourceRows:
    """Return the rows with those that `interpolate` adds, and with amounts in place of values that are accumulated."""
    return with_amounts(_filled(table, source, steps), source, steps)


def _filled(table: SourceRows, source: Source, steps: StampGrid) -> SourceRows:
    return interpolated(table, source.interpolate.ns, steps) if source.interpolate else table


def count_group_amounts(
    tables: Mapping[str, SourceRows], params: Params, group: str, names: tuple[str, ...]
) -> dict[str, Any]:
    """Return what `count_amounts` returns, by `source.value`, of the sources of a group without members."""

    def name_of(series: int) -> str:
        return group if series == SHARED or series < 0 else f"{group}/{names[series]}"

    steps, counts = params.raw.stamp_grid(None, group), dict[str, Any]()
    for name, table in tables.items():
        source = params.raw.sources[name]
        if not source.has_members:
            of_source = count_amounts(_filled(table, source, steps), source, steps, name_of)
            counts |= {f"{name}.{value}": entry for value, entry in of_source.items()}
    return counts


def complete_members(frame: pd.DataFrame, source: Source, params: Params, group: str) -> pd.DataFrame:
    """Return the rows of the members of an ensemble with `complete_rows` of each member."""
    table, owners, grid = _of_members(frame, source, params, group)
    made = complete_rows(table, source, grid)
    return pd.DataFrame(
        {
            "series": owners["series"].iloc[made.series].array,
            "member": owners["member"].iloc[made.series].array,
            "issue_time": made.issue,
            "valid_time": made.valid,
            "known_time": made.known,
            **made.values,  # noqa: PD011 (no DataFrame)
        }
    )


def count_member_amounts(
    frame: pd.DataFrame, source: Source, params: Params, group: str
) -> dict[str, dict[str, Any]]:
    """Return what `count_amounts` returns about the rows of the members of an ensemble."""
    table, owners, grid = _of_members(frame, source, params, group)

    def name_of(pair: int) -> str:
        series, member = owners.iloc[pair]
        return f"{group}/{series}, member {member}" if series else f"{group}, member {member}"

    return count_amounts(_filled(table, source, grid), source, grid, name_of)


def _of_members(
    frame: pd.DataFrame, source: Source, params: Params, group: str
) -> tuple[SourceRows, pd.DataFrame, StampGrid]:
    """Return the rows with a number for each pair of series and member, the pairs, and the steps."""
    names = frame[["series", "member"]]
    code = names.groupby(["series", "member"], observed=True, sort=True).ngroup()
    owners = names.assign(code=code).drop_duplicates("code").sort_values("code")[["series", "member"]]
    valid = params.raw.stamp_grid(source, group).settle(frame["valid_time"].to_numpy(np.int64))
    known, issue = (frame[name].to_numpy(np.int64) for name in ("known_time", "issue_time"))
    values = {name: frame[name].to_numpy(np.float64) for name in source.values}  # noqa: PD011 (no DataFrame)
    return (
        SourceRows(np.asarray(code, np.int64), valid, known, issue, values),
        owners,
        params.raw.stamp_grid(None, group),
    )


def interpolated(table: SourceRows, longest: int, steps: StampGrid) -> SourceRows:
    """Add a row for the start of each step between two successive rows of a vintage, interpolated linearly.

    A vintage is the rows of a series with the same issue time and known time, so rows that become known later change
    nothing. Successive rows are at most `longest` ns apart; if one of them has no value, the rows between them have none.
    """
    order = np.lexsort((table.valid, table.known, table.issue, table.series))
    left, right = order[:-1], order[1:]
    joined = steps.apart(table.valid[left], table.valid[right]) <= longest
    for key in (table.series, table.issue, table.known):
        joined &= key[left] == key[right]
    left, right = left[joined], right[joined]
    frequency = steps.frequency
    first = steps.start_of(table.valid[left]) + frequency
    count = np.maximum((steps.start_of(table.valid[right]) - first) // frequency, 0)
    left, right = np.repeat(left, count), np.repeat(right, count)
    nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    label = np.repeat(first, count) + nth * frequency
    start = steps.instants(label)
    exists = steps.start_of(start) == label  # a zone may have skipped a date
    return _with_rows(table, left[exists], right[exists], start[exists])


def _with_rows(table: SourceRows, left: Times, right: Times, valid: Times) -> SourceRows:
    share = (valid - table.valid[left]) / (table.valid[right] - table.valid[left])
    return SourceRows(
        series=np.concatenate([table.series, table.series[left]]),
        valid=np.concatenate([table.valid, valid]),
        known=np.concatenate([table.known, table.known[left]]),
        issue=np.concatenate([table.issue, table.issue[left]]),
        values={
            name: np.concatenate([column, column[left] + (column[right] - column[left]) * share])
            for name, column in table.values.items()  # noqa: PD011 (no DataFrame)
        },
    )
