"""One value from the rows of a step, and the row between two rows of a vintage: in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable

from hindcast.pipeline.certify.raw_records import Record
from hindcast.pipeline.settings.fields import Resample


def _elapsed(earlier: int, later: int) -> int:
    return later - earlier


def interpolate(
    vintage: list[Record], step: int, end: int, reach: int, near: Callable[[int, int], int] = _elapsed
) -> Record | None:
    """Interpolate a row at the start of a step without rows in a vintage (rows in time order); None if this is impossible.

    `reach` is the longest allowed distance in ns between the row before the step and the row after it, as `near` computes it.
    """
    before = [row for row in vintage if row.valid < step]
    after = [row for row in vintage if row.valid >= end]
    if len(before) + len(after) < len(vintage) or not before or not after:
        return None
    left, right = before[-1], after[0]
    if near(left.valid, right.valid) > reach:
        return None
    share = (step - left.valid) / (right.valid - left.valid)
    values = {name: (1 - share) * value + share * right.values[name] for name, value in left.values.items()}
    return Record(step, left.known, left.issue, left.place, values, member=left.member)


def fold(
    stamps: list[tuple[int, float]],
    rule: Resample,
    frequency: int,
    observed: tuple[float, float | None],
    *,
    is_declared: bool = True,
) -> float:
    """Fold the raw values of a step, (time, value) in time order, into one value; NaN if too few have a value.

    `observed` is the smallest share of timestamps with a value, and the expected number of timestamps (None: computed from
    their mean distance). A sum is scaled to that number if it `is_declared`.
    """
    least, count = observed
    values = [value for _, value in stamps if not math.isnan(value)]
    if not values:
        return math.nan
    due = count or 0.0
    if count is None and len(stamps) > 1:
        due = frequency * (len(stamps) - 1) / (stamps[-1][0] - stamps[0][0])
    if len(values) < least * due - 1e-9:
        return math.nan
    if rule == "mean":
        return sum(values) / len(values)
    if rule == "sum":
        return sum(values) * max(len(stamps), (count or 0.0) * is_declared) / len(values)
    return {"last": values[-1], "min": min(values), "max": max(values)}[rule]
