"""What was counted in each interval, from the readings of counters: differences of successive readings of a series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hindcast.pipeline.align.source_rows import SHARED, SourceRows
from hindcast.pipeline.arrays import TIME_MAX, Flags, Floats, Ints
from hindcast.pipeline.settings.counters import rollover_of
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.settings.stamp_grid import StampGrid
from hindcast.pipeline.wording import time_text

_MOST_OF_ROLLOVER = 0.5  # of the counts of a counter: an amount above it is no rollover but a reset


@dataclass(frozen=True)
class Counted:
    """The amounts of the R rows of a counter (NaN: none), and what became of its k rows with a reading, `rows` (k,).

    `before` (k,) is the reading before, NaN if there is none close enough. `is_gap`: it is missing; `is_reset`: the reading is lower,
    and the counter did not only start again at its rollover, as at rows with `is_rollover`.
    """

    value: Floats
    rows: Ints
    before: Floats
    is_gap: Flags
    is_reset: Flags
    is_rollover: Flags


def with_counted(tables: Mapping[str, SourceRows], params: Params, group: str) -> dict[str, SourceRows]:
    """Return the rows of the sources of a group with amounts in place of the readings of counters."""
    made = dict(tables)
    for name, table in tables.items():
        source = params.raw.sources[name]
        grid = params.raw.stamp_grid(source, group)
        changed = {
            value: counted(table, value, source, grid).value
            for value, field in source.values.items()
            if field.counter
        }
        if changed:
            made[name] = replace(table, values={**table.values, **changed})
    return made


def counted(table: SourceRows, name: str, source: Source, steps: StampGrid) -> Counted:
    """Compute the amounts of a counter from its rows with a reading, series by series.

    A reading follows another one if it is at most one spacing later: the declared one, else the smallest distance of the series,
    at most a step. Its amount is the difference; of others, and of the first, nothing is known, since it would be that of several
    steps. A reading below the one before is a reset, unless the counter starts again at `rollover` and counted at most half of it.
    """
    column, out = table.values[name], np.full(len(table.valid), np.nan)
    order = np.lexsort((table.valid, table.series))
    order = order[~np.isnan(column[order])]
    series, valid, value = table.series[order], table.valid[order], column[order]
    same = np.zeros(len(order), np.bool_)
    same[1:] = series[1:] == series[:-1]
    distance = np.full(len(order), TIME_MAX)
    distance[1:] = np.where(same[1:], steps.apart(valid[:-1], valid[1:]), TIME_MAX)
    follows = distance <= _spacing(source, distance, same, steps.frequency)
    before = np.where(follows, np.concatenate([[np.nan], value[:-1]])[: len(value)], np.nan)
    amount, rollover = value - before, rollover_of(source.values[name].counter)
    falls = follows & (amount < 0)
    again = amount + (np.nan if rollover is None else rollover)
    is_rollover = falls & (again >= 0) & (again <= _MOST_OF_ROLLOVER * (rollover or 0.0))
    amount[falls] = np.nan
    amount[is_rollover] = again[is_rollover]
    out[order] = amount
    return Counted(out, order, before, same & ~follows, falls & ~is_rollover, is_rollover)


def _spacing(source: Source, distance: Ints, same: Flags, frequency: int) -> Ints:
    """Return the distance of successive readings in the series of each row."""
    if source.declared_spacing is not None or not len(distance):
        return np.full(len(distance), source.declared_spacing or frequency)
    start = np.flatnonzero(~same)
    smallest = np.minimum(np.minimum.reduceat(distance, start), frequency)
    return np.repeat(smallest, np.diff(np.append(start, len(distance))))


def count_counted(
    tables: Mapping[str, SourceRows], params: Params, group: str, names: tuple[str, ...]
) -> dict[str, Any]:
    """Return, by `source.value`, the readings of the counters of a group, those without an amount and why, rollovers, and examples."""

    def name_of(series: int) -> str:
        return group if series == SHARED or series < 0 else f"{group}/{names[series]}"

    counts: dict[str, Any] = {}
    for name, table in tables.items():
        source = params.raw.sources[name]
        for value, field in source.values.items():
            if field.counter:
                found = counted(table, value, source, params.raw.stamp_grid(source, group))
                counts[f"{name}.{value}"] = _count(table, value, found, name_of)
    return counts


def _count(table: SourceRows, value: str, found: Counted, name_of: Callable[[int], str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"rows": len(found.rows)}
    for kind, flags in (
        ("after_a_missing_reading", found.is_gap), ("resets", found.is_reset), ("rollovers", found.is_rollover),
    ):  # fmt: skip
        entry[kind] = int(flags.sum())
        if entry[kind]:
            at = int(np.argmax(flags))
            row = int(found.rows[at])
            before = "" if np.isnan(found.before[at]) else f" after {found.before[at]:g}"
            entry[f"example_of_{kind}"] = (
                f"{name_of(int(table.series[row]))}, {time_text(int(table.valid[row]))}: {table.values[value][row]:g}{before}"
            )
    return entry
