"""The section `align.features`: the columns of X, and the rules between these settings and other sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, TypeAdapter, WithJsonSchema

from hindcast.pipeline.arrays import TIME_MAX, Times
from hindcast.pipeline.settings.base import (
    DAY,
    HOUR,
    SECOND,
    Duration,
    Integer,
    PositiveDuration,
    Section,
    unknown_names,
)
from hindcast.pipeline.settings.clock import lagged
from hindcast.pipeline.settings.gates import NO_ORIGIN
from hindcast.pipeline.settings.known import AtIssuePlus, DeclaredRule, PublishedAt
from hindcast.pipeline.settings.origin import AnyOrigin
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.settings.stamp_grid import StampGrid

Statistic = Literal["mean", "std", "min", "max"]
CalendarFeature = Literal["hour", "weekday", "yearday"]

# Two years contain every kind of local day in every zone; known times and origins repeat after that.
_PROBE_START = int(np.datetime64("2023-01-01", "ns").astype(np.int64))
_PROBE_LENGTH = 2 * 366 * DAY
_MOST_DAYS = 60
_MOST_ORIGINS = 1 << 20  # computed at once
_MOST_STEPS = 60  # of whole days


class Rolling(Section):
    """Statistics of the newest realized values known at the origin.

    - `windows`: each ends with the newest step known at the origin.
    - `statistics`: one column for each of them and each window.
    """

    windows: Annotated[tuple[PositiveDuration, ...], Field(min_length=1)]
    statistics: Annotated[tuple[Statistic, ...], Field(min_length=1)] = ("mean",)


def _with_auto(field: Any) -> Any:
    """Return the type of a field whose JSON Schema also has `auto`, which is replaced when the settings are read: see `implied`."""
    schema = TypeAdapter(field).json_schema()
    return Annotated[field, WithJsonSchema({"anyOf": [{"const": "auto"}, schema]})]


if TYPE_CHECKING:
    RecentField = dict[str, int]
    WindowsField = tuple[Duration, ...]
else:
    RecentField = _with_auto(dict[str, Annotated[Integer, Field(ge=1, le=10_000)]])
    WindowsField = _with_auto(tuple[PositiveDuration, ...])


HolidayKind = Literal["public", "eve", "bridge", "school", "regional"]


class Holidays(Section):
    """The public holidays of a country (ISO 3166 code) or of a subdivision, from the library `holidays`.

    - `country`, `subdivision`: their codes in that library.

    Each of `kinds` is a column of X:

    - `public` (`holiday`): public holidays.
    - `eve` (`holiday_eve`): the day before a public holiday, if it is not a public holiday itself.
    - `bridge` (`holiday_bridge`): a working day between two days off, at least one of which is a public holiday.
    - `school` (`holiday_school`): school holidays, of the regions and years of which the library has them.
    - `regional` (`holiday_regional`): the share of the country's subdivisions with a public holiday, on days without one of the whole country.
    """

    newer_fields: ClassVar[frozenset[str]] = frozenset({"kinds"})

    country: str
    subdivision: str | None = None
    kinds: Annotated[tuple[HolidayKind, ...], Field(min_length=1)] = ("public",)


class Features(Section):
    """The columns of X.

    - `forecast`: the forecast values for the step itself.
    - `known`: values of sources of role known; `all` leaves out those that only `align.usable` reads.
    - `lags`: by realized value, how long before the step it is read.
    - `recent`: by realized value, the number of newest steps known at the origin; auto: one day of each target, at most 24.
    - `rolling`: by realized value, statistics over windows that end with the newest step known at the origin.
    - `ahead`: the number of next steps whose forecasts are columns too.
    - `calendar`: sine and cosine of each, in the zone of the group.
    - `lead`: whether the hours from the origin, and from the issue time of each vintage, are columns.
    """

    read_in_part: ClassVar[bool] = True

    forecast: Literal["all"] | tuple[str, ...] = "all"
    known: Literal["all"] | tuple[str, ...] = "all"
    lags: dict[str, tuple[PositiveDuration, ...]] = {}
    recent: RecentField = {}
    rolling: dict[str, Rolling] = {}
    published_error: WindowsField = ()  # windows for the mean error of the published forecast; auto: 24h and 168h
    ahead: Annotated[Integer, Field(ge=0, le=10_000)] = 0
    vintages: Annotated[Integer, Field(ge=1, le=1_000)] = (
        1  # the number of newest vintages of each forecast in X
    )
    vintage_changes: Annotated[Integer, Field(ge=0, le=1_000)] = (
        0  # the number of differences between successive vintages
    )
    calendar: tuple[CalendarFeature, ...] = ()
    holidays: Holidays | dict[str, Holidays] | None = None  # for all groups, or per group
    lead: bool = False

    @property
    def holiday_columns(self) -> dict[HolidayKind, str]:
        """The names of the columns of holidays, by kind; all groups have the same kinds."""
        chosen = (
            next(iter(self.holidays.values()), None) if isinstance(self.holidays, dict) else self.holidays
        )
        kinds = dict.fromkeys(chosen.kinds) if chosen is not None else {}
        return {kind: "holiday" if kind == "public" else f"holiday_{kind}" for kind in kinds}

    @property
    def realized_values(self) -> tuple[str, ...]:
        """The realized values that features read."""
        return (*self.lags, *self.recent, *self.rolling)

    def newest_values(self, targets: tuple[str, ...]) -> set[str]:
        """The realized values of which features read the newest known step: their reach depends on publication delays."""
        return {*self.recent, *self.rolling, *(targets if self.published_error else ())}


def name_faults(chosen: Features, raw: RawSettings) -> Iterator[str]:
    """Yield the names in features that no source makes, and groups with different kinds of holidays."""
    realized = list(raw.values_of("realized"))
    for field in ("rolling", "lags", "recent"):
        names = vars(chosen).get(field, ())  # none if it is invalid
        yield from unknown_names(f"align.features.{field}", names, realized, "a realized value")
    kinds = {each.kinds for each in chosen.holidays.values()} if isinstance(chosen.holidays, dict) else set()
    if len(kinds) > 1:
        found = " and ".join(sorted(", ".join(each) for each in kinds))
        yield f"align.features.holidays: all groups must have the same kinds, as each kind is a column; found {found}"
    if chosen.forecast != "all":
        unknown = [name for name in chosen.forecast if raw.forecast_value(name) is None]
        allowed = list(raw.values_of("forecast"))
        yield from unknown_names("align.features.forecast", unknown, allowed, "a forecast value")
    if chosen.known != "all":
        allowed = list(raw.values_of("known"))
        yield from unknown_names("align.features.known", chosen.known, allowed, "a known value")


def window_faults(chosen: Features, raw: RawSettings, published: Mapping[str, str]) -> Iterator[str]:
    """Yield parts of the calendar that never change, windows that do not fit the steps, and errors of no forecast."""
    if chosen.published_error and not published:
        yield "align.features.published_error: needs a published forecast: set align.published, or remove published_error"
    days = raw.frequency.days or 0
    for part, every in (("hour", 1), ("weekday", 7)):
        if part in chosen.calendar and days > 1 and days % every == 0:
            yield f"align.features.calendar: {part} is the same at every step of {raw.frequency}: remove it"
    windows = [
        (f"align.features.rolling.{name}.windows", length)
        for name, rolling in chosen.rolling.items()
        for length in rolling.windows
    ]
    windows += [("align.features.published_error", length) for length in chosen.published_error]
    for path, length in windows:
        if length.ns % raw.frequency.ns:
            yield f"{path}: must be a multiple of the frequency {raw.frequency}, found {length}"


def lag_faults(chosen: Features, raw: RawSettings, origin: AnyOrigin) -> Iterator[str]:
    """Yield lags that are not a multiple of the steps, or that are not known at some origin."""
    for name, lags in chosen.lags.items():
        for lag in lags:
            if lag.ns % raw.frequency.ns and (lag.days is None or raw.has_local_days):
                yield (
                    f"align.features.lags.{name}: must be a multiple of the frequency {raw.frequency}, found {lag}"
                )
                continue
            for source_name, source in raw.sources_of("realized").items():
                if name in source.values and not isinstance(source.known, PublishedAt | AtIssuePlus):
                    fault = _forbidden(lag, source.known, origin, raw)
                    if fault:
                        yield f"align.features.lags.{name}: {fault} (source {source_name})"


def _forbidden(lag: Duration, known: DeclaredRule, origin: AnyOrigin, raw: RawSettings) -> str | None:
    """Return why a lag is not allowed, with the smallest allowed lag, or None if it is known at every origin."""
    frequency = raw.frequency.ns
    step = frequency * max(1, -(-60 * SECOND // frequency))
    for zone, offset in raw.clocks:
        probe = _Probe.of(origin, raw.grid_in(zone, offset), step, zone)
        if not probe.allows(lag, known):
            return (
                f"a lag of {lag} is not yet known at some origins in zone {zone}; the smallest lag allowed is "
                f"{_smallest_lag(probe, lag, known, raw)}{_at_same_hour(probe, lag, known, raw)}"
            )
    return None


def _at_same_hour(probe: _Probe, lag: Duration, known: DeclaredRule, raw: RawSettings) -> str:
    """Return the smallest allowed lag of whole days of 24 hours for a lag that is one, as the end of a sentence."""
    if lag.days or raw.has_local_days or lag.ns % DAY:
        return ""
    hours = (Duration.parse(f"{24 * days}h") for days in range(lag.ns // DAY + 1, _MOST_DAYS + 1))
    found = next((one for one in hours if probe.allows(one, known)), None)
    return f", and {found} at the same hour of the day" if found else ""


@dataclass(frozen=True)
class _Probe:
    """Steps of two years (labels) every `step` ns, and the first origin of each."""

    grid: StampGrid
    step: int
    zone: str
    times: Times
    earliest: Times

    @classmethod
    def of(cls, origin: AnyOrigin, grid: StampGrid, step: int, zone: str) -> _Probe:
        start = _PROBE_START // grid.frequency * grid.frequency + grid.offset
        times = np.arange(start, start + _PROBE_LENGTH, step)
        return cls(grid, step, zone, times, _earliest_origins(origin, grid.instants(times), zone))

    def allows(self, lag: Duration, known: DeclaredRule) -> bool:
        before = self.grid.instants(lagged(self.times, lag, "UTC" if self.grid.zone else self.zone))
        return bool((known.moments(before, None, self.grid, self.zone) <= self.earliest).all())


def _smallest_lag(probe: _Probe, lag: Duration, known: DeclaredRule, raw: RawSettings) -> Duration | str:
    most = _MOST_DAYS if not raw.has_local_days else _MOST_STEPS * (raw.frequency.days or 1)
    none = f"more than {most}d"
    if lag.days or raw.has_local_days:
        each = raw.frequency.days or 1
        days = (Duration.parse(f"{count}d") for count in range(each, most + 1, each))
        return next((one for one in days if probe.allows(one, known)), none)
    grid, times = replace(probe.grid, frequency=probe.step), probe.times
    past = np.arange(times[0] - most * DAY, times[0] + _PROBE_LENGTH, probe.step)
    known_at = np.maximum.accumulate(known.moments(past, None, grid, probe.zone))
    newest = np.searchsorted(known_at, probe.earliest, side="right") - 1
    if newest.min() < 0:
        return none
    found = int((times - past[newest]).max())
    return Duration.parse(f"{found // (60 * SECOND)}min" if found % HOUR else f"{found // HOUR}h")


def _earliest_origins(origin: AnyOrigin, times: Times, zone: str) -> Times:
    """Return the first origin of each step, TIME_MAX for the steps without one, which are dropped."""
    at_once = max(1, _MOST_ORIGINS // origin.tracks)
    pieces = (origin.origins(times[at : at + at_once], zone) for at in range(0, len(times), at_once))
    return np.concatenate([np.where(each == NO_ORIGIN, TIME_MAX, each).min(axis=1) for each in pieces])
