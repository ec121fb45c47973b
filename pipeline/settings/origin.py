"""Origins: the time at which the forecast for a step is made, in three forms, with their tracks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, Tag

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

_MOST_TRACKS = 2_000
NO_ORIGIN = TIME_MIN
"""The origin of a step that no origin covers."""


class Before(Section):
    """Each step is forecast a fixed time before its start."""

    before: DurationField

    @property
    def tracks(self) -> int:
        """The number of predictions per step: one."""
        return 1

    def origins(self, times: Times, group_zone: str) -> Ints:
        """Return the origins (step, track) of steps that start at `times`."""
        return (times - self.before.ns)[:, None]


class DailyGate(Section):
    """Every step of a local day is forecast at one time of the previous local day."""

    at: TimeOfDay
    zone: ZoneOrGroup = "group"
    covers: Literal["next_day"]

    @property
    def tracks(self) -> int:
        """The number of predictions per step: one."""
        return 1

    def origins(self, times: Times, group_zone: str) -> Ints:
        """Return the origins (step, track) of steps that start at `times`."""
        zone = zone_for(self.zone, group_zone)
        day, at = local_day(times, zone), nanoseconds_of_day(self.at)
        gate = moment_of_day(day - 1, at, zone)
        # if a zone skipped the day before (Samoa, 2011), its gate would not lie before the steps that it covers
        before = moment_of_day(day - 2, at, zone)
        return np.where(gate < moment_of_day(day, 0, zone), gate, before)[:, None]


class Cycle(Section):
    """Origins at regular intervals; each covers the valid times [origin + from, origin + from + for).

    Track j of a step uses the origin j cycles before the newest origin that covers the step, so its leads lie in
    [from + j * every, from + (j + 1) * every).  In a zone with clock changes `at`, `from` and `for` are wall-clock
    times: if `for` is a day, it has 23 or 25 hours on the days of a clock change. A day that a zone skipped has no origin,
    and does not count in `every`, `from` and `for`.
    """

    every: PositiveDuration
    at: TimeOfDay = "00:00"
    zone: ZoneOrGroup = "UTC"
    start: DurationField = Field(alias="from")
    length: PositiveDuration = Field(alias="for")

    def _faults(self) -> Iterator[str]:
        if self.every.ns % DAY and DAY % self.every.ns:
            yield f"every must divide a day or be a number of whole days, found {self.every}"
        if self.tracks > _MOST_TRACKS:
            yield (
                f"a step may be covered by at most {_MOST_TRACKS:,} origins (`for` divided by `every`), found "
                f"{self.tracks:,}: raise every, or lower for"
            )

    @property
    def tracks(self) -> int:
        """The number of predictions per step: `for` divided by `every`, rounded up."""
        return -(-self.length.ns // self.every.ns)

    def origins(self, times: Times, group_zone: str) -> Ints:
        """Return the origins (step, track) of steps that start at `times`; NO_ORIGIN if no origin covers the step."""
        if not len(times):
            return np.empty((0, self.tracks), np.int64)
        zone = zone_for(self.zone, group_zone)
        wall = self._walls_between(int(times.min()), int(times.max()))
        # an origin or a start inside the hour skipped in spring is moved later, possibly past the next one
        utc = partial(utc_of, zone=zone, skips_days=False)
        origins = np.maximum.accumulate(utc(wall))
        starts = np.maximum(np.maximum.accumulate(utc(wall + self.start.ns)), origins)
        newest = np.searchsorted(starts, times, side="right") - 1
        made = newest[:, None] - np.arange(self.tracks)
        covered = times[:, None] < utc(wall + self.start.ns + self.length.ns)[made]
        return np.where(covered, origins[made], NO_ORIGIN)

    def _walls_between(self, first: int, last: int) -> Times:
        """Return wall timestamps of all origins that can cover a step in [first, last], and some more on both sides."""
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
