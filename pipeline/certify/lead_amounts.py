"""The amounts of steps from accumulated forecasts, row by row: the value less that of the lead before, in the same vintage."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, Times
from hindcast.pipeline.certify.slow_clock import moment_of_label, wall_label
from hindcast.pipeline.certify.step_clock import StepClock
from hindcast.pipeline.settings.raw import Source

DAY = 86_400 * 1_000_000_000
_ROUNDING = 1e-3  # of the value before: a smaller decrease is rounding


def lead_distances(
    frame: Any, valid: Times, names: Sequence[str], clock: StepClock | None = None
) -> dict[str, Times]:
    """Return, for each accumulated value, how close the nearest two leads of each row's vintage are (ns).

    Only rows with the value count. Rows without it, and rows that are alone in their vintage, have TIME_MAX.
    """
    found = {}
    for name in names:
        shown = valid if clock is None else clock.shown(valid)
        rows = frame.assign(valid=valid, shown=shown, place=np.arange(len(frame)))
        rows = rows[frame[name].notna().to_numpy()].sort_values("valid", kind="stable")
        vintage = ["series", "issue_time", "known_time", *(["member"] if "member" in frame else [])]
        differences = rows.groupby(vintage, observed=True)[["valid", "shown"]].diff()
        is_days = (differences["shown"] > 0) & (differences["shown"] % DAY == 0)
        rows["apart"] = differences["shown"].where(is_days, differences["valid"])
        nearest = rows.groupby(vintage, observed=True)["apart"].transform("min")
        column = np.full(len(frame), TIME_MAX)
        has_two = nearest.notna().to_numpy()
        column[rows["place"].to_numpy()[has_two]] = nearest.to_numpy()[has_two].astype(np.int64)
        found[name] = column
    return found


def distance(clock: StepClock, earlier: int, later: int) -> int:
    """Return how far apart two times are: whole local days in steps of days count as 24 hours each."""
    if clock.zone is None:
        return later - earlier
    shown = wall_label(later, clock.zone) - wall_label(earlier, clock.zone)
    return shown if shown > 0 and shown % DAY == 0 else later - earlier


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


def end_of_amount(source: Source, clock: StepClock, valid: int, longest: int) -> int:
    """Return the time up to which a row's amount is counted: the timestamp in the file, or the end of the step that it starts.

    `longest` is the distance of leads; in steps of days or longer, a date is the start of an interval of this length.
    """
    field = source.valid_time
    if field is None:
        return valid
    later = -field.shift.ns if field.shift is not None else 0
    if field.part == "start" or field.period is not None:
        later += longest_distance(source, clock.length, TIME_MAX)
    elif field.label in ("end", "hour_ending", "last_day"):
        later += clock.length if field.step is None else field.step.ns
    elif clock.length >= DAY and longest >= DAY:
        later += longest
    return (
        valid + later
        if clock.zone is None
        else moment_of_label(wall_label(valid, clock.zone) + later, clock.zone)
    )
