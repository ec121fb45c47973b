"""The steps that hold raw timestamps, computed anew from the settings: grid offset, rounding, and what is off the grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.settings.params import Params


@dataclass(frozen=True)
class StepClock:
    """Steps of `length` ns start at `phase` ns after multiples of their length.

    Timestamps of a source are due every `distance` ns; one at most `near` ns from a due time counts as that time. `keeps` is
    whether others are used in the step that holds them.
    """

    length: int
    phase: int = 0
    distance: int = 0
    near: int = 0
    keeps: bool = False

    def begin(self, time: int) -> int:
        """Return the start of the step that holds a time."""
        return time - (time - self.phase) % self.length

    def begins(self, times: Times) -> Times:
        """Return the start of the step that holds each time."""
        return times - (times - self.phase) % self.length

    def due(self, stamps: Times) -> Times:
        """Return the due time as which each timestamp counts; the timestamp itself if none is near enough."""
        past = (stamps - self.phase) % self.distance
        if not self.near or not past.any():
            return stamps
        nearest = stamps - past + np.where(2 * past <= self.distance, 0, self.distance)
        return np.where(np.abs(stamps - nearest) <= self.near, nearest, stamps)

    def is_due(self, stamps: Times) -> Flags:
        """Return whether each timestamp is a due time."""
        flags: Flags = (stamps - self.phase) % self.distance == 0
        return flags


def step_clock(params: Params, group: str, source: str | None = None) -> StepClock:
    """Return the steps of a group, and when the timestamps of a source are due (None: at the starts of steps)."""
    raw = params.raw
    length, offset = raw.frequency.ns, raw.grid_offset
    phase = (offset[group].ns if group in offset else 0) if isinstance(offset, dict) else offset.ns
    if source is None:
        return StepClock(length, phase, length)
    chosen = raw.sources[source]
    field = chosen.valid_time
    declared = [chosen.spacing, field and field.step, field and field.period and field.period.length]
    spacing = next((each.ns for each in declared if each), length)
    rule = chosen.off_grid
    return StepClock(
        length,
        phase,
        spacing if length % spacing == 0 else length,
        rule.round.ns if rule.round else 0,
        keeps=rule.rest == "keep",
    )
