"""Origins: the time at which the forecast for a step is made, in several forms, with their tracks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Discriminator, Field, RootModel, Tag, model_validator

from hindcast.pipeline.arrays import Ints, Times
from hindcast.pipeline.settings.anchor import WEEKDAYS
from hindcast.pipeline.settings.base import (
    DAY,
    DurationField,
    PositiveDuration,
    Section,
    TimeOfDay,
    ZoneOrGroup,
    nanoseconds_of_day,
    zone_for,
)
from hindcast.pipeline.settings.clock import utc_of
from hindcast.pipeline.settings.gates import NO_ORIGIN, DailyGate, Weekday, WeekdayGates, WeeklyGate, with_on

_MOST_TRACKS = 2_000
_WEEK = 7 * DAY
_THURSDAY = 3  # 1970-01-01


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


class Cycle(Section):
    """Origins at regular intervals; each covers the valid times [origin + from, origin + from + for).

    Track j of a step uses the origin j cycles before the newest origin that covers the step, so its leads lie in
    [from + j * every, from + (j + 1) * every).  In a zone with clock changes `at`, `from` and `for` are wall-clock
    times: if `for` is a day, it has 23 or 25 hours on the days of a clock change. A day that a zone skipped has no origin,
    and does not count in `every`, `from` and `for`; with `on` it does, so that weekdays stay what they are.

    - `every`: the time between origins; it divides a day, or is a number of whole days.
    - `at`: the time of day of an origin.
    - `zone`: the zone of `at`, `from` and `for`; `group`: that of the group.
    - `from`, `for`: the first step that an origin covers, and the length of what it covers.
    - `on`: the weekday of the origins, if `every` is whole weeks.
    """

    every: PositiveDuration
    at: TimeOfDay = "00:00"
    zone: ZoneOrGroup = "UTC"
    start: DurationField = Field(alias="from")
    length: PositiveDuration = Field(alias="for")
    on: Weekday | None = None
    newer_fields: ClassVar[frozenset[str]] = frozenset({"on"})
    _accept_true = model_validator(mode="before")(with_on)

    def _faults(self) -> Iterator[str]:
        if self.every.ns % DAY and DAY % self.every.ns:
            yield f"every must divide a day or be a number of whole days, found {self.every}"
        if self.on is not None and self.every.ns % _WEEK:
            yield f"on: a weekday needs an `every` of whole weeks, such as 7d, found {self.every}"
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
        utc = partial(utc_of, zone=zone, skips_days=self.on is not None)
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
        if self.on is not None:
            phase += (WEEKDAYS.index(self.on) - _THURSDAY) % 7 * DAY
        counts = np.arange((first - reach - phase) // step, (last + 2 * DAY - phase) // step + 1)
        return counts * step + phase


OriginRule = Before | DailyGate | WeekdayGates | WeeklyGate | Cycle
"""One form of origins."""

_BY_COVERS = {"next_day": "DailyGate", "next_week": "WeeklyGate", "this_week": "WeeklyGate"}


def _form_of(value: Any) -> str | None:
    """Return the tag of a mapping's form: by the one of its keys before, every and covers; None if there is not one."""
    if isinstance(value, BaseModel):
        return type(value).__name__
    found = [key for key in ("before", "every", "covers") if isinstance(value, dict) and key in value]
    if found != ["covers"]:
        return {"before": "Before", "every": "Cycle"}.get(found[0]) if len(found) == 1 else None
    covers = value["covers"]
    return "WeekdayGates" if isinstance(covers, dict) else _BY_COVERS.get(str(covers))


_OneOrigin = Annotated[
    Annotated[Before, Tag("Before")]
    | Annotated[DailyGate, Tag("DailyGate")]
    | Annotated[WeekdayGates, Tag("WeekdayGates")]
    | Annotated[WeeklyGate, Tag("WeeklyGate")]
    | Annotated[Cycle, Tag("Cycle")],
    Discriminator(
        _form_of,
        custom_error_type="one_of",
        custom_error_message=(
            "an origin must have exactly one of before, every, covers; `covers` is next_day, next_week, this_week, or a mapping "
            "of weekdays such as {friday: [saturday, sunday, monday]}"
        ),
    ),
]


class SeveralOrigins(RootModel[Annotated[tuple[_OneOrigin, ...], Field(min_length=1)]]):
    """Several origins of each step, such as day-ahead and intraday. The tracks of the first rule come first."""

    model_config = ConfigDict(frozen=True)

    @property
    def tracks(self) -> int:
        """The number of predictions per step, over all rules."""
        return sum(rule.tracks for rule in self.root)

    def origins(self, times: Times, group_zone: str) -> Ints:
        """Return the origins (step, track) of steps that start at `times`; NO_ORIGIN if no origin covers the step."""
        return np.concatenate([rule.origins(times, group_zone) for rule in self.root], axis=1)


AnyOrigin = OriginRule | SeveralOrigins

OriginField = Annotated[
    Annotated[SeveralOrigins, Tag("SeveralOrigins")] | Annotated[_OneOrigin, Tag("one")],
    Discriminator(
        lambda value: "SeveralOrigins" if isinstance(value, list | tuple | SeveralOrigins) else "one"
    ),
]


def rules_of(origin: AnyOrigin) -> tuple[OriginRule, ...]:
    """Return the rules of an origin, one or several."""
    return origin.root if isinstance(origin, SeveralOrigins) else (origin,)
