"""The amounts between the readings of counters, row by row: the reading less the one before, in the same series."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hindcast.pipeline.certify.step_clock import StepClock
from hindcast.pipeline.settings.counters import rollover_of
from hindcast.pipeline.settings.raw import Source

_DAY = 86_400 * 1_000_000_000
_MOST = 0.5  # of the counts of a counter that starts again at 0, between two readings


def with_counted_amounts(frame: Any, source: Source, clock: StepClock, until: int | None) -> Any:
    """Return the rows of a source with amounts in place of the readings of counters; NaN where an amount is not known.

    Rows from `until` on are not read, so they have no amounts. The reading before must be at most the declared spacing away, else
    the smallest distance between two readings of the series, at most a step.
    """
    counters = {name: field.counter for name, field in source.values.items() if field.counter}
    if not counters:
        return frame
    valid = frame["valid_time"].to_numpy(np.int64)
    begins = clock.begins(valid) if clock.zone else valid
    inside = np.ones(len(valid), np.bool_) if until is None else begins < until
    times = frame[["series"]].assign(valid=valid, shown=clock.shown(valid), place=np.arange(len(frame)))
    declared = [source.spacing, source.valid_time and source.valid_time.step]
    spacing = next((each.ns for each in declared if each), None)
    made = frame.copy()
    for name, counter in counters.items():
        rows = times.assign(reading=frame[name].to_numpy(np.float64))
        rows = rows[inside & rows["reading"].notna().to_numpy()].sort_values("valid", kind="stable")
        series = rows.groupby("series", observed=True)
        apart = series["shown"].diff()
        apart = apart.where((apart > 0) & (apart % _DAY == 0), series["valid"].diff())
        nearest = apart.groupby(rows["series"], observed=True).transform("min")
        longest = nearest.clip(upper=clock.length) if spacing is None else spacing
        before = series["reading"].shift().where(apart <= longest)
        rollover, column = rollover_of(counter), np.full(len(frame), np.nan)
        column[rows["place"].to_numpy()] = [
            counted(value, earlier, rollover)
            for value, earlier in zip(rows["reading"].tolist(), before.tolist(), strict=True)
        ]
        made[name] = column
    return made


def counted(reading: float, before: float, rollover: float | None) -> float:
    """Return what was counted between two readings; NaN without the one before, or if the counter was reset between them."""
    if math.isnan(before):
        return math.nan
    difference = reading - before
    if difference >= 0:
        return difference
    if rollover is None or not 0 <= difference + rollover <= _MOST * rollover:
        return math.nan
    return difference + rollover
