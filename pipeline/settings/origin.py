"""Origins: the moment at which the forecast for a step is made, in three forms, with their tracks."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, Tag, model_validator

from hindcast.pipeline.arrays import TIME_MIN, Ints, Times
from hindcast.pipeline.settings.base import (
    DAY,
    DurationField,
    PositiveDuration,
    Section,
    TimeOfDay,
    ZoneOrGroup,
    nanoseconds_of_day,
    one_of,
    zone_for,
)
from hindcast.pipeline.settings.clock import local_day, moment_of_day, utc_of

NO_ORIGIN = TIME_MIN
"""The origin of a step that no origin covers."""


class Before(Section):
    """Each step is forecast a fixed time before its start."""

    before: DurationField

    @property
    def tracks(self) -> int:
        """One prediction for each step."""
        return 1

    def origins(self, times: Times, group_zone: str) -> Ints:
        """Origins (step, track) of steps that start at `times`."""
        return (times - self.before.ns)[:, None]


class DailyGate(Section):
    """Every step of a local day is forecast at one time of the local day before."""

    at: TimeOfDay
    zone: ZoneOrGroup = "group"
    covers: Literal["next_day"]

    @property
    def tracks(self) -> int:
        """One prediction for each step."""
        return 1

    def origins(self, times: Times, group_zone: str) -> Ints:
        """Origins (step, track) of steps that start at `times`."""
        zone = zone_for(self.zone, group_zone)
        day, at = local_day(times, zone), nanoseconds_of_day(self.at)
        gate = moment_of_day(day - 1, at, zone)
        # where a zone skipped a whole day (Samoa, 2011), the gate would come after its steps
        before = moment_of_day(day - 2, at, zone)
        return np.where(gate <= moment_of_day(day, 0, zone), gate, before)[:, None]


class Cycle(Section):
    """A repeated origin; each covers the valid times [origin + from, origin + from + for).

    Track j of a step belongs to the origin that is j cycles older than the newest one that covers it, so
    its leads lie in [from + j * every, from + (j + 1) * every).  In a zone with clock changes `at`, `from`
    and `for` are read on the wall clock: a cover of a local day has 23 or 25 hours if the day has.
    """

    every: PositiveDuration
    at: TimeOfDay = "00:00"
    zone: ZoneOrGroup = "UTC"
    start: DurationField = Field(alias="from")
    length: PositiveDuration = Field(alias="for")

    @model_validator(mode="after")
    def _check_cycle(self) -> Cycle:
        every = self.every.ns
        if every % DAY and DAY % every:
            raise ValueError(f"every must divide a day or be a number of whole days, found {self.every}")
        return self

    @property
    def tracks(self) -> int:
        """Predictions for each step: `for` over `every`, rounded up."""
        return -(-self.length.ns // self.every.ns)

    def origins(self, times: Times, group_zone: str) -> Ints:
        """Origins (step, track) of steps that start at `times`; NO_ORIGIN where none covers the step."""
        if not len(times):
            return np.empty((0, self.tracks), np.int64)
        zone = zone_for(self.zone, group_zone)
        wall = self._walls_between(int(times.min()), int(times.max()))
        # an origin or a start inside the hour skipped in spring is moved later, perhaps past the next one
        origins = np.maximum.accumulate(utc_of(wall, zone))
        starts = np.maximum(np.maximum.accumulate(utc_of(wall + self.start.ns, zone)), origins)
        newest = np.searchsorted(starts, times, side="right") - 1
        made = newest[:, None] - np.arange(self.tracks)
        covered = times[:, None] < utc_of(wall + self.start.ns + self.length.ns, zone)[made]
        return np.where(covered, origins[made], NO_ORIGIN)

    def _walls_between(self, first: int, last: int) -> Times:
        """Wall stamps of all origins that can cover a step in [first, last], and some more on both sides."""
        reach = self.start.ns + (self.tracks + 1) * self.every.ns + 2 * DAY
        step = self.every.ns
        phase = nanoseconds_of_day(self.at)
        counts = np.arange((first - reach - phase) // step, (last + 2 * DAY - phase) // step + 1)
        return counts * step + phase


OriginRule = Before | DailyGate | Cycle


_FORMS = {"before": "Before", "every": "Cycle", "covers": "DailyGate"}

OriginField = Annotated[
    Annotated[Before, Tag("Before")]
    | Annotated[DailyGate, Tag("DailyGate")]
    | Annotated[Cycle, Tag("Cycle")],
    one_of(_FORMS, "an origin (`covers: next_day` goes with `at`)"),
]
