"""`coarser`: earlier rows whose timestamps are further apart than later ones, such as hours before quarters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Ints, Times
from hindcast.pipeline.settings.base import DAY, PositiveDuration, Section
from hindcast.pipeline.settings.moments import Moment


class CoarserPart(Section):
    """Rows before `until` (UTC) hold for an interval of length `spacing` that begins at their timestamp."""

    until: Moment
    spacing: PositiveDuration

    def _faults(self) -> Iterator[str]:
        if self.until is None:
            yield "until must be the time from which timestamps are closer together, such as 2023-10-01"

    @property
    def stop(self) -> int:
        """`until` in ns."""
        assert self.until is not None  # the settings require it
        return self.until


def lengths_at(parts: Sequence[CoarserPart], valid: Times, fine: int) -> Ints:
    """Return how long each row stands for (ns): `fine`, or the spacing of the part in which its step starts."""
    length = np.full(len(valid), fine)
    for part in reversed(parts):
        length[valid < part.stop] = part.spacing.ns
    return length


def lengths_before(parts: Sequence[CoarserPart], ends: Times, fine: int) -> Ints:
    """Return the same for rows by the ends of their steps: a coarser one ends at `until` or before."""
    length = np.full(len(ends), fine)
    for part in reversed(parts):
        length[ends <= part.stop] = part.spacing.ns
    return length


def faults_of_coarser(source: Any, fine: int, *, in_days: bool) -> Iterator[str]:
    """Yield a message for each rule that `coarser` of a `raw.Source` breaks; `fine` is the distance of its timestamps in ns."""
    parts, field = source.coarser, source.valid_time
    if not parts:
        return
    if in_days:
        yield "coarser: cannot be used with steps of days: remove it"
    if field is None or field.label == "hour_ending" or field.period is not None:
        yield "coarser needs a valid_time with label start or end and without period: correct it, or remove coarser"
    if source.interpolate is not None or any(value.accumulated for value in source.values.values()):
        yield "coarser cannot be used with interpolate or accumulated: interpolate fills coarser forecasts already"
    if any(before.until >= after.until for before, after in pairwise(parts)):
        yield "coarser: list its parts in ascending order of `until`, each with a different time"
    for part in parts:
        if part.spacing.ns <= fine or part.spacing.ns % fine or DAY % part.spacing.ns:
            yield (
                "coarser: spacing must divide a day and be a multiple of the time between later timestamps "
                f"({fine // 60_000_000_000} min), found {part.spacing}"
            )
