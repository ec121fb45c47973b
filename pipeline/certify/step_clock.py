"""The steps that hold raw timestamps, computed anew from the settings: grid offset, rounding, and what is off the grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.certify.slow_clock import moment_of_label, wall_label
from hindcast.pipeline.settings.params import Params

_DAY = 86_400 * 1_000_000_000


@dataclass(frozen=True)
class StepClock:
    """Steps of `length` ns start at `phase` ns after multiples of their length.

    - `distance`: timestamps of a source are due every `distance` ns.
    - `near`: a timestamp at most `near` ns from a due time counts as that time.
    - `keeps`: whether all other timestamps count in the step that contains them.
    - `zone`: if it is given, all times are wall times of this zone, and a step of days is named by its first local
      date, as a time in UTC.
    """

    length: int
    phase: int = 0
    distance: int = 0
    near: int = 0
    keeps: bool = False
    zone: str | None = None

    def begin(self, time: int) -> int:
        """Return the name of the step that holds a time."""
        if self.zone is None:
            return time - (time - self.phase) % self.length
        shown = wall_label(time, self.zone)
        name = shown - (shown - self.phase) % self.length
        return name if time < self.opens(name + self.length) else name + self.length

    def begins(self, times: Times) -> Times:
        """Return the name of the step that holds each time."""
        if self.zone is None:
            return times - (times - self.phase) % self.length
        return _each(self.begin, times)

    def opens(self, name: int) -> int:
        """Return when the step with a name begins."""
        return name if self.zone is None else moment_of_label(name, self.zone)

    def opening(self, names: Times) -> Times:
        """Return when the step with each name begins."""
        return names if self.zone is None else _each(self.opens, names)

    def shown(self, times: Times) -> Times:
        """Convert times (UTC) to wall time; return them unchanged if there is no zone."""
        zone = self.zone
        return times if zone is None else _each(lambda time: wall_label(time, zone), times)

    def lasting(self, stamps: Times, lengths: Times) -> Times:
        """Return how long the intervals of `lengths` ns that begin at timestamps last; whole days end on the local clock."""
        if self.zone is None:
            return lengths
        ends = self.opening(self.shown(stamps) + lengths)
        return np.where(lengths % _DAY == 0, ends - stamps, lengths)

    def due(self, stamps: Times) -> Times:
        """Return the due time as which each timestamp counts; the timestamp itself if none is near enough."""
        past = (self.shown(stamps) - self.phase) % self.distance
        if not self.near or not past.any():
            return stamps
        nearest = stamps - past + np.where(2 * past <= self.distance, 0, self.distance)
        return np.where(np.abs(stamps - nearest) <= self.near, nearest, stamps)

    def is_due(self, stamps: Times) -> Flags:
        """Return whether each timestamp is a due time."""
        flags: Flags = (self.shown(stamps) - self.phase) % self.distance == 0
        return flags


def _each(function: Callable[[int], int], times: Times) -> Times:
    """Apply a slow function to each distinct time."""
    distinct, place = np.unique(times, return_inverse=True)
    return np.array([function(time) for time in distinct.tolist()], np.int64)[place.reshape(-1)]


def step_clock(params: Params, group: str, source: str | None = None) -> StepClock:
    """Return the steps of a group, and when the timestamps of a source are due (None: at the starts of steps)."""
    raw = params.raw
    length, offset = raw.frequency.ns, raw.grid_offset
    phase = (offset[group].ns if group in offset else 0) if isinstance(offset, dict) else offset.ns
    phase += (
        _days_to_anchor(raw.anchor.get(group) if isinstance(raw.anchor, dict) else raw.anchor, length) * _DAY
    )
    zone = raw.zone_of(group) or "UTC"
    zone_of_days = zone if raw.frequency.text.endswith("d") and zone != "UTC" else None
    if source is None:
        return StepClock(length, phase, length, zone=zone_of_days)
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
        zone=zone_of_days,
    )


def _days_to_anchor(anchor: str | None, length: int) -> int:
    """Return how many days after a multiple of the length of a step since 1970-01-01 a step starts."""
    if anchor is None:
        return 0
    day = date(1970, 1, 1)
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    if anchor in names:
        while names[day.weekday()] != anchor:
            day += timedelta(days=1)
    else:
        day = date.fromisoformat(anchor)
    return (day.toordinal() - date(1970, 1, 1).toordinal()) % (length // _DAY)
