"""The section `align.features`: the columns of X, and the rules between these settings and other sections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

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
from hindcast.pipeline.settings.known import DeclaredRule, PublishedAt
from hindcast.pipeline.settings.origin import NO_ORIGIN, OriginRule
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.settings.stamp_grid import StampGrid

Statistic = Literal["mean", "std", "min", "max"]
CalendarFeature = Literal["hour", "weekday", "yearday"]

# Two years contain every kind of local day in every zone; known times and origins repeat after that.
_PROBE_START = int(np.datetime64("2023-01-01", "ns").astype(np.int64))
_PROBE_LENGTH = 2 * 366 * DAY
_MOST_DAYS = 60
_MOST_ORIGINS = 1 << 20  # computed at once
_NONE = f"more than {_MOST_DAYS}d"


class Rolling(Section):
    """Statistics of the newest realized values known at the origin."""

    windows: Annotated[tuple[PositiveDuration, ...], Field(min_length=1)]
    statistics: Annotated[tuple[Statistic, ...], Field(min_length=1)] = ("mean",)


class Holidays(Section):
    """The public holidays of a country (ISO 3166 code) or of a subdivision, from the library `holidays`."""

    country: str
    subdivision: str | None = None


class Features(Section):
    """The columns of X."""

    forecast: Literal["all"] | tuple[str, ...] = "all"
    known: Literal["all"] | tuple[str, ...] = "all"
    lags: dict[str, tuple[PositiveDuration, ...]] = {}
    recent: dict[str, Annotated[Integer, Field(ge=1, le=10_000)]] = {}
    rolling: dict[str, Rolling] = {}
    published_error: tuple[PositiveDuration, ...] = ()  # windows for the mean error of the published forecast
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
    def realized_values(self) -> tuple[str, ...]:
        """The realized values that features read."""
        return (*self.lags, *self.recent, *self.rolling)

    def newest_values(self, targets: tuple[str, ...]) -> set[str]:
        """The realized values of which features read the newest known step: their reach depends on publication delays."""
        return {*self.recent, *self.rolling, *(targets if self.published_error else ())}


def feature_faults(
    chosen: Features, raw: RawSettings, origin: OriginRule, published: Mapping[str, str]
) -> Iterator[str]:
    """Yield a message for each violated rule on features and other settings together."""
    yield from _name_faults(chosen, raw)
    yield from _lag_faults(chosen, raw, origin)
    windows = [
        (f"align.features.rolling.{name}.windows", length)
        for name, rolling in chosen.rolling.items()
        for length in rolling.windows
    ]
    windows += [("align.features.published_error", length) for length in chosen.published_error]
    for path, length in windows:
        if length.ns % raw.frequency.ns:
            yield f"{path}: must be a multiple of the frequency {raw.frequency}, found {length}"
    if chosen.published_error and not published:
        yield "align.features.published_error: needs a published forecast: set align.published, or remove published_error"


def _name_faults(chosen: Features, raw: RawSettings) -> Iterator[str]:
    realized = list(raw.values_of("realized"))
    for field, names in (("rolling", chosen.rolling), ("lags", chosen.lags), ("recent", chosen.recent)):
        yield from unknown_names(f"align.features.{field}", names, realized, "a realized value")
    if chosen.forecast != "all":
        unknown = [name for name in chosen.forecast if raw.forecast_value(name) is None]
        allowed = list(raw.values_of("forecast"))
        yield from unknown_names("align.features.forecast", unknown, allowed, "a forecast value")
    if chosen.known != "all":
        allowed = list(raw.values_of("known"))
        yield from unknown_names("align.features.known", chosen.known, allowed, "a known value")


def _lag_faults(chosen: Features, raw: RawSettings, origin: OriginRule) -> Iterator[str]:
    for name, lags in chosen.lags.items():
        for lag in lags:
            if lag.days is None and lag.ns % raw.frequency.ns:
                yield (
                    f"align.features.lags.{name}: must be a multiple of the frequency {raw.frequency}, found {lag}"
                )
                continue
            for source_name, source in raw.sources_of("realized").items():
                if name in source.values and not isinstance(source.known, PublishedAt):
                    fault = _forbidden(lag, source.known, origin, raw)
                    if fault:
                        yield f"align.features.lags.{name}: {fault} (source {source_name})"


def _forbidden(lag: Duration, known: DeclaredRule, origin: OriginRule, raw: RawSettings) -> str | None:
    """Return why a lag is not allowed, with the smallest allowed lag, or None if it is known at every origin."""
    frequency = raw.frequency.ns
    step = frequency * max(1, -(-60 * SECOND // frequency))
    for zone, offset in raw.clocks:
        grid = StampGrid(frequency, offset)
        times = np.arange(_PROBE_START, _PROBE_START + _PROBE_LENGTH, step) + offset
        earliest = _earliest_origins(origin, times, zone)

        def allows(
            lag: Duration,
            zone: str = zone,
            grid: StampGrid = grid,
            times: Times = times,
            earliest: Times = earliest,
        ) -> bool:
            known_at = known.moments(lagged(times, lag, zone), None, grid, zone)
            return bool((known_at <= earliest).all())

        if not allows(lag):
            days = (Duration.parse(f"{count}d") for count in range(1, _MOST_DAYS + 1))
            smallest = (
                next(filter(allows, days), _NONE)
                if lag.days
                else _smallest_lag(known, times, earliest, StampGrid(step, offset), zone)
            )
            return (
                f"a lag of {lag} is not yet known at some origins in zone {zone}; "
                f"the smallest lag allowed is {smallest}"
            )
    return None


def _earliest_origins(origin: OriginRule, times: Times, zone: str) -> Times:
    """Return the first origin of each step, TIME_MAX for the steps without one, which are dropped."""
    at_once = max(1, _MOST_ORIGINS // origin.tracks)
    pieces = (origin.origins(times[at : at + at_once], zone) for at in range(0, len(times), at_once))
    return np.concatenate([np.where(each == NO_ORIGIN, TIME_MAX, each).min(axis=1) for each in pieces])


def _smallest_lag(
    known: DeclaredRule, times: Times, earliest: Times, grid: StampGrid, zone: str
) -> Duration | str:
    begin, end = _PROBE_START - _MOST_DAYS * DAY, _PROBE_START + _PROBE_LENGTH
    past = np.arange(begin, end, grid.frequency) + grid.offset
    known_at = np.maximum.accumulate(known.moments(past, None, grid, zone))
    newest = np.searchsorted(known_at, earliest, side="right") - 1
    if newest.min() < 0:
        return _NONE
    lag = int((times - past[newest]).max())
    return Duration.parse(f"{lag // (60 * SECOND)}min" if lag % HOUR else f"{lag // HOUR}h")
