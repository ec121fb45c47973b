"""The amounts of steps from accumulated forecasts, row by row: the value less that of the lead before, in the same vintage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, Times
from hindcast.pipeline.settings.raw import Source

_ROUNDING = 1e-3  # of the value before: a smaller decrease is rounding


def lead_distances(frame: Any, valid: Times, names: Sequence[str]) -> dict[str, Times]:
    """Return, for each accumulated value, how close the nearest two leads of each row's vintage are (ns).

    Only rows with the value count. Rows without it, and rows that are alone in their vintage, have TIME_MAX.
    """
    found = {}
    for name in names:
        rows = frame.assign(valid=valid, place=np.arange(len(frame)))[frame[name].notna().to_numpy()]
        vintage = ["series", "issue_time", "known_time"]
        rows = rows.sort_values("valid", kind="stable")
        rows["apart"] = rows.groupby(vintage, observed=True)["valid"].diff()
        nearest = rows.groupby(vintage, observed=True)["apart"].transform("min")
        column = np.full(len(frame), TIME_MAX)
        has_two = nearest.notna().to_numpy()
        column[rows["place"].to_numpy()[has_two]] = nearest.to_numpy()[has_two].astype(np.int64)
        found[name] = column
    return found


def longest_distance(source: Source, frequency: int, nearest: int) -> int:
    """Return how far the lead before may lie: `nearest` is the smallest distance in the vintage."""
    field = source.valid_time
    declared = [source.spacing, field and field.step, field and field.period and field.period.length]
    spacing = next((each.ns for each in declared if each), None)
    if spacing is None and source.interpolate is None:
        return min(frequency, nearest)
    return spacing or frequency


def amount(value: float, before: float, lead: int, longest: int) -> float:
    """Return the amount of a step: `before` is the value of the lead before (NaN: none), `lead` the time since the issue at
    the end of the amount, in ns.
    """
    if math.isnan(before):
        return value if lead <= longest else math.nan
    if value == before or (value > before) == (before >= 0) or before == 0:
        return value - before
    return 0.0 if abs(value - before) <= _ROUNDING * abs(before) else math.nan


def end_of_amount(source: Source, frequency: int, valid: int) -> int:
    """Return the time up to which a row's amount is counted: the timestamp in the file, or the end of the step that it starts."""
    field = source.valid_time
    if field is None:
        return valid
    in_file = valid
    if field.shift is not None:
        in_file -= field.shift.ns
    if field.part == "start" or field.period is not None:
        return in_file + longest_distance(source, frequency, TIME_MAX)
    if field.label in ("end", "hour_ending"):
        in_file += frequency if field.step is None else field.step.ns
    return in_file
