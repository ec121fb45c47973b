"""Origins at gates: the times at which markets close and publishers have their deadlines, by local day and weekday."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from hindcast.pipeline.arrays import TIME_MIN, Flags, Ints, Times
from hindcast.pipeline.settings.anchor import WEEKDAYS
from hindcast.pipeline.settings.base import (
    DAY,
    Duration,
    DurationField,
    PositiveDuration,
    Section,
    TimeOfDay,
    ZoneOrGroup,
    nanoseconds_of_day,
    zone_for,
)
from hindcast.pipeline.settings.clock import local_day, moment_of_day
from hindcast.pipeline.settings.closed_days import Closed, are_closed, most_closed

NO_ORIGIN = TIME_MIN
"""Stands for the missing origin of a step that no gate covers."""

_WEEK = 7
_THURSDAY = 3  # 1970-01-01, day 0
_MOST_WEEKS = 520


def with_on(value: Any) -> Any:
    """Return a mapping with the key `on` under its name: tools that read it by YAML 1.1 write it as `true`."""
    if isinstance(value, dict) and (found := [key for key in (True, "true") if key in value]):
        return {"on" if key in found else key: each for key, each in value.items()}
    return value


def _to_weekday(value: str) -> str:
    if value not in WEEKDAYS:
        raise ValueError(f"must be a weekday ({', '.join(WEEKDAYS)}), found {value!r}")
    return value


Weekday = Annotated[str, AfterValidator(_to_weekday)]
Weekdays = Annotated[
    tuple[Weekday, ...], BeforeValidator(lambda value: (value,) if isinstance(value, str) else value)
]


class Gate(Section):
    """What all gates share: `at` is the origin; or `gate` is a deadline, and the origin is `ready` before it.

    - `at`: the time of day of the origin.
    - `zone`: the zone of the times of day; `group`: that of the group.
    - `gate`, `ready`: a deadline, and how long before it the forecast is finished; instead of `at`.
    """

    at: TimeOfDay | None = None
    zone: ZoneOrGroup = "group"
    gate: TimeOfDay | None = None
    ready: DurationField | None = None
    newer_fields: ClassVar[frozenset[str]] = frozenset({"gate", "ready"})

    def _faults(self) -> Iterator[str]:
        if (self.at is None) == (self.gate is None):
            yield "set either `at`, the time of the origin, or `gate`, a deadline, with `ready`"
        if (self.gate is None) != (self.ready is None):
            yield "`gate` and `ready` go together: the origin is `ready` before the gate (0h: at the gate)"

    @property
    def tracks(self) -> int:
        """The number of predictions per step: one."""
        return 1

    def on_days(self, days: Times, zone: str) -> Times:
        """Return the origins of the gates of local days."""
        clock = self.at or self.gate
        assert clock is not None  # one of them is set
        ready = 0 if self.ready is None else self.ready.ns
        return moment_of_day(days, nanoseconds_of_day(clock), zone) - ready


class DailyGate(Gate):
    """Every step of a local day is forecast at one time of the previous local day."""

    covers: Literal["next_day"]  # all steps of the next local day

    def origins(self, times: Times, group_zone: str) -> Ints:
        """Return the origins (step, track) of steps that start at `times`."""
        zone = zone_for(self.zone, group_zone)
        day = local_day(times, zone)
        gate = self.on_days(day - 1, zone)
        # if a zone skipped the day before (Samoa, 2011), its gate would not lie before the steps that it covers
        before = self.on_days(day - 2, zone)
        return np.where(gate < moment_of_day(day, 0, zone), gate, before)[:, None]


class WeekdayGates(Gate):
    """The gate of a weekday covers the steps of the weekdays named, the next ones after it: Friday's covers Saturday to Monday.

    There is no gate on the days `closed` (dates, or public holidays): what it would cover is covered by the last gate before.
    Steps of a weekday that no gate covers have no origin.

    - `covers`: by the weekday of a gate, the weekdays that it covers.
    - `closed`: the days without a gate.
    """

    covers: dict[Weekday, Weekdays]
    closed: Closed = ()

    def _faults(self) -> Iterator[str]:
        yield from super()._faults()
        covered = [day for days in self.covers.values() for day in days]
        twice = [day for day in WEEKDAYS if covered.count(day) > 1]
        if not covered:
            yield "covers: at least one weekday must cover another, such as {friday: [saturday, sunday, monday]}"
        if twice:
            yield f"covers: a weekday must be covered by one gate only; found several gates for {', '.join(twice)}"

    def origins(self, times: Times, group_zone: str) -> Ints:
        """Return the origins (step, track) of steps that start at `times`; NO_ORIGIN if no gate covers the step."""
        if not len(times):
            return np.empty((0, 1), np.int64)
        zone = zone_for(self.zone, group_zone)
        days, place = np.unique(local_day(times, zone), return_inverse=True)
        back = self._days_back()[(days + _THURSDAY) % _WEEK]
        due = days - back
        first = int(due.min()) - _WEEK * (most_closed(self.closed) + 2)
        every = np.arange(first, int(due.max()) + 1)
        last_open = np.maximum.accumulate(np.where(self._is_open(every, zone), every, first))
        origin = np.minimum(self.on_days(last_open[due - first], zone), moment_of_day(days, 0, zone))
        return np.where(back > 0, origin, NO_ORIGIN)[place][:, None]

    def _days_back(self) -> Ints:
        """Return, by weekday, how many days before it its gate is; 0 without one."""
        back = np.zeros(_WEEK, np.int64)
        for gate, days in self.covers.items():
            for day in days:
                back[WEEKDAYS.index(day)] = (WEEKDAYS.index(day) - WEEKDAYS.index(gate) - 1) % _WEEK + 1
        return back

    def _is_open(self, days: Times, zone: str) -> Flags:
        """Return which local days have a gate; a day that a zone skipped has none."""
        gates = [number for number, name in enumerate(WEEKDAYS) if self.covers.get(name)]
        exists = moment_of_day(days + 1, 0, zone) > moment_of_day(days, 0, zone)
        return exists & np.isin((days + _THURSDAY) % _WEEK, gates) & ~are_closed(self.closed, days)


class WeeklyGate(Gate):
    """Every step of a week that starts on the weekday `starts` is forecast on the weekday `on`: of the week before it
    (`next_week`), or of the week itself (`this_week`, for steps of 7d, whose values are not known before the week is over).

    With `for` of several weeks, each gate covers that many weeks: track j uses the gate j weeks before.

    - `on`: the weekday of the gate.
    - `covers`: the week after the gate, or the week that contains it.
    - `starts`: the weekday on which a week starts.
    - `for`: the number of weeks, as a duration.
    """

    on: Weekday
    covers: Literal["this_week", "next_week"]
    first_day: Weekday = Field(alias="starts")
    length: PositiveDuration = Field(alias="for", default=Duration(f"{_WEEK}d", _WEEK * DAY, _WEEK))
    _accept_true = model_validator(mode="before")(with_on)

    def _faults(self) -> Iterator[str]:
        yield from super()._faults()
        if self.length.ns % (_WEEK * DAY) or self.tracks > _MOST_WEEKS:
            yield f"`for` must be a multiple of 7d, such as 28d, at most {_MOST_WEEKS * _WEEK}d, found {self.length}"

    @property
    def tracks(self) -> int:
        """The number of predictions per step: the weeks that a gate covers."""
        return self.length.ns // (_WEEK * DAY)

    def origins(self, times: Times, group_zone: str) -> Ints:
        """Return the origins (step, track) of steps that start at `times`."""
        zone = zone_for(self.zone, group_zone)
        day = local_day(times, zone)
        week = day - (day + _THURSDAY - WEEKDAYS.index(self.first_day)) % _WEEK
        gate = week + (WEEKDAYS.index(self.on) - WEEKDAYS.index(self.first_day)) % _WEEK
        gate -= _WEEK * (self.covers == "next_week")
        gates = gate[:, None] - _WEEK * np.arange(self.tracks)
        exists = moment_of_day(gates + 1, 0, zone) > moment_of_day(gates, 0, zone)
        origins = self.on_days(np.where(exists, gates, gates - 1), zone)
        if self.covers == "this_week":
            return origins
        return np.minimum(origins, moment_of_day(week, 0, zone)[:, None])
