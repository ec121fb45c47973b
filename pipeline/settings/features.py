"""The section `align.features`: which columns X has; and the rules that its settings must keep."""

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
    PositiveDuration,
    Section,
    unknown_names,
)
from hindcast.pipeline.settings.clock import lagged
from hindcast.pipeline.settings.known import DeclaredRule, PublishedAt
from hindcast.pipeline.settings.origin import NO_ORIGIN, OriginRule
from hindcast.pipeline.settings.raw import RawSettings

Statistic = Literal["mean", "std", "min", "max"]
CalendarFeature = Literal["hour", "weekday", "yearday"]

# Two years hold every kind of local day, whatever the zone; known moments and origins repeat beyond.
_PROBE_START = int(np.datetime64("2023-01-01", "ns").astype(np.int64))
_PROBE_LENGTH = 2 * 366 * DAY
_MOST_DAYS = 60
_NONE = f"more than {_MOST_DAYS}d"


class Rolling(Section):
    """Statistics of the realized values of the last steps known at the origin."""

    windows: Annotated[tuple[PositiveDuration, ...], Field(min_length=1)]
    statistics: Annotated[tuple[Statistic, ...], Field(min_length=1)] = ("mean",)


class Holidays(Section):
    """The public holidays of a country (ISO 3166 code) or of a part of it, as the library `holidays` has them."""

    country: str
    subdivision: str | None = None


class Features(Section):
    """The columns of X."""

    forecast: Literal["all"] | tuple[str, ...] = "all"
    known: Literal["all"] | tuple[str, ...] = "all"
    lags: dict[str, tuple[PositiveDuration, ...]] = {}
    recent: dict[str, Annotated[int, Field(ge=1)]] = {}
    rolling: dict[str, Rolling] = {}
    published_error: tuple[PositiveDuration, ...] = ()  # windows of the published forecast's own mean error
    ahead: Annotated[int, Field(ge=0)] = 0
    vintages: Annotated[int, Field(ge=1)] = 1  # how many of the newest vintages of each forecast X holds
    vintage_changes: Annotated[int, Field(ge=0)] = 0  # how many differences between neighbouring vintages
    calendar: tuple[CalendarFeature, ...] = ()
    holidays: Holidays | dict[str, Holidays] | None = None  # for all groups, or by group
    lead: bool = False

    @property
    def realized_values(self) -> tuple[str, ...]:
        """The realized values that features read."""
        return (*self.lags, *self.recent, *self.rolling)

    def newest_values(self, targets: tuple[str, ...]) -> set[str]:
        """The realized values whose newest known steps features read: these reach back as far as values come late."""
        return {*self.recent, *self.rolling, *(targets if self.published_error else ())}


def feature_faults(
    chosen: Features, raw: RawSettings, origin: OriginRule, published: Mapping[str, str]
) -> Iterator[str]:
    """All faults that appear only when the features are checked together with other settings."""
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
        yield "align.features.published_error: needs a published forecast, and align.published names none"


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
    """Why a lag is not allowed, with the smallest one that is; None where every origin allows it."""
    frequency = raw.frequency.ns
    step = frequency * max(1, -(-60 * SECOND // frequency))
    times = np.arange(_PROBE_START, _PROBE_START + _PROBE_LENGTH, step)
    for zone in raw.zones:
        origins = origin.origins(times, zone)
        # a step that no origin covers is not made
        earliest = np.where(origins == NO_ORIGIN, TIME_MAX, origins).min(axis=1)

        def allows(lag: Duration, zone: str = zone, earliest: Times = earliest) -> bool:
            moments = known.moments(lagged(times, lag, zone), None, frequency, zone)
            return bool((moments <= earliest).all())

        if not allows(lag):
            days = (Duration.parse(f"{count}d") for count in range(1, _MOST_DAYS + 1))
            smallest = (
                next(filter(allows, days), _NONE)
                if lag.days
                else _smallest_lag(known, times, earliest, step, zone)
            )
            return (
                f"a lag of {lag} is not yet known at some origin in zone {zone}; "
                f"the smallest lag allowed is {smallest}"
            )
    return None


def _smallest_lag(known: DeclaredRule, times: Times, earliest: Times, step: int, zone: str) -> Duration | str:
    past = np.arange(_PROBE_START - _MOST_DAYS * DAY, _PROBE_START + _PROBE_LENGTH, step)
    moments = np.maximum.accumulate(known.moments(past, None, step, zone))
    newest = np.searchsorted(moments, earliest, side="right") - 1
    if newest.min() < 0:
        return _NONE
    lag = int((times - past[newest]).max())
    return Duration.parse(f"{lag // (60 * SECOND)}min" if lag % HOUR else f"{lag // HOUR}h")
