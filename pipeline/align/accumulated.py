"""Amounts of steps from forecasts that are accumulated since the issue: differences of successive leads of one vintage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from hindcast.pipeline.align.source_rows import SourceRows
from hindcast.pipeline.arrays import TIME_MAX, Flags, Floats, Ints, Times
from hindcast.pipeline.settings.base import DAY
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.settings.stamp_grid import StampGrid
from hindcast.pipeline.wording import time_text

ROUNDING = 1e-3
"""A decrease of a sum by at most this share of the previous sum counts as rounding: the amount of the step is 0."""


@dataclass(frozen=True)
class Amounts:
    """The amounts of the R rows of a value (NaN: none), and what became of its k rows with a value, `rows` (k,).

    `before` (k,) is the accumulated value that was subtracted; NaN if there is none. `is_gap`: the lead before is missing;
    `is_reset`: the value is lower than that of the lead before.
    """

    value: Floats
    rows: Ints
    before: Floats
    is_gap: Flags
    is_reset: Flags


def with_amounts(table: SourceRows, source: Source, steps: StampGrid) -> SourceRows:
    """Return the rows with the amounts of their steps in place of values that are accumulated."""
    changed = {
        name: amounts_of(table, name, source, steps).value
        for name, field in source.values.items()
        if field.accumulated
    }
    return replace(table, values={**table.values, **changed}) if changed else table


def amounts_of(table: SourceRows, name: str, source: Source, steps: StampGrid) -> Amounts:
    """Compute the amounts of a value from its rows with a value, vintage by vintage (series, issue time and known time).

    A row follows another one if it is at most one spacing later: the declared one, else the smallest distance in the vintage,
    at most a step. Its amount is the difference. A row that follows none keeps its value if it lies within one spacing of
    the issue; else its amount would be that of several steps, so it has none. Neither has one that is lower than the row before.
    Whole local days count as days in steps of days, also those of 23 or 25 hours.
    """
    column, out = table.values[name], np.full(len(table.valid), np.nan)
    order = np.lexsort((table.valid, table.known, table.issue, table.series))
    order = order[~np.isnan(column[order])]
    series, issue, known = (each[order] for each in (table.series, table.issue, table.known))
    valid, value = table.valid[order], column[order]
    same = np.zeros(len(order), np.bool_)
    same[1:] = (series[1:] == series[:-1]) & (issue[1:] == issue[:-1]) & (known[1:] == known[:-1])
    distance = np.full(len(order), TIME_MAX)
    distance[1:] = np.where(same[1:], steps.apart(valid[:-1], valid[1:]), TIME_MAX)
    longest = _spacing(source, distance, same, steps.frequency)
    follows = distance <= longest
    before = np.where(follows, np.concatenate([[np.nan], value[:-1]])[: len(value)], np.nan)
    is_first = ~follows & (steps.apart(issue, _ends(source, valid, longest, steps)) <= longest)
    amount = np.where(follows, value - before, np.where(is_first, value, np.nan))
    falls = follows & (amount * np.sign(before) < 0)
    is_reset = falls & (np.abs(amount) > ROUNDING * np.abs(before))
    amount[falls] = 0.0
    amount[is_reset] = np.nan
    out[order] = amount
    return Amounts(out, order, before, ~follows & ~is_first, is_reset)


def _spacing(source: Source, distance: Ints, same: Flags, frequency: int) -> Ints:
    """Return the distance of successive leads in the vintage of each row."""
    if source.declared_spacing is not None or source.interpolate is not None or not len(distance):
        return np.full(len(distance), source.declared_spacing or frequency)
    start = np.flatnonzero(~same)
    smallest = np.minimum(np.minimum.reduceat(distance, start), frequency)
    return np.repeat(smallest, np.diff(np.append(start, len(distance))))


def _ends(source: Source, valid: Times, longest: Ints, steps: StampGrid) -> Times:
    """Return when the amount of each row ends: at the timestamp in the file, or at the end of the interval that it starts.

    A date in steps of days is the day itself, so its amount ends with the day.
    """
    field = source.valid_time
    if field is None:
        return valid
    begins = field.part == "start" or field.period is not None
    length: Ints | int
    if begins:
        length = source.declared_spacing or steps.frequency
    elif field.label == "start":
        length = np.where(longest >= DAY, longest, 0) if steps.frequency >= DAY else 0
    else:
        length = field.step.ns if field.step else steps.frequency
    length = length - (field.shift.ns if field.shift else 0)
    return steps.instants(steps.labels(valid) + length) if steps.zone else valid + length


def count_amounts(
    table: SourceRows, source: Source, steps: StampGrid, name_of: Callable[[int], str]
) -> dict[str, dict[str, Any]]:
    """Return, by value, the rows with a value, those without an amount after a gap and after a decrease, and an example of each.

    `name_of` gives the name of the series of a row for the examples.
    """
    counts: dict[str, dict[str, Any]] = {}
    for name in (name for name, field in source.values.items() if field.accumulated):
        found = amounts_of(table, name, source, steps)
        entry = counts[name] = {"rows": len(found.rows)}
        for kind, flags in (("after_a_gap", found.is_gap), ("decreases", found.is_reset)):
            entry[kind] = int(flags.sum())
            if entry[kind]:
                at = int(np.argmax(flags))
                entry[f"example_of_{kind}"] = _example(table, name, found, at, name_of)
    return counts


def _example(table: SourceRows, name: str, found: Amounts, at: int, name_of: Callable[[int], str]) -> str:
    row = int(found.rows[at])
    before = "" if np.isnan(found.before[at]) else f" after {found.before[at]:g}"
    return (
        f"{name_of(int(table.series[row]))}, issued {time_text(int(table.issue[row]))}, for "
        f"{time_text(int(table.valid[row]))}: {table.values[name][row]:g}{before}"
    )
