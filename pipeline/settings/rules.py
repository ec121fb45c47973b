"""Rules between sections: names that must exist, lags that every origin allows."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial

import numpy as np

from hindcast.pipeline.settings.align import AlignSettings
from hindcast.pipeline.settings.base import DAY, SECOND, Duration
from hindcast.pipeline.settings.clock import Stamps, utc_of, wall_of
from hindcast.pipeline.settings.known import DeclaredRule, PublishedAt
from hindcast.pipeline.settings.origin import NO_ORIGIN, OriginRule
from hindcast.pipeline.settings.raw import RawSettings

# Two years hold every kind of local day, whatever the zone; known moments and origins repeat beyond.
_PROBE_START = int(np.datetime64("2023-01-01", "ns").astype(np.int64))
_PROBE_LENGTH = 2 * 366 * DAY
_MOST_DAYS = 60


def faults_between_sections(raw: RawSettings, align: AlignSettings) -> list[str]:
    """All faults that only show when `raw` and `align` are seen together."""
    return [
        *_value_faults(raw),
        *_name_faults(raw, align),
        *_angle_faults(raw, align),
        *_range_faults(align),
        *_lag_faults(raw, align),
        *_window_faults(raw, align),
    ]


def forecast_value(raw: RawSettings, name: str) -> str | None:
    """The forecast value that `value` or `source.value` names; None where there is none."""
    source, dot, value = name.rpartition(".")
    if dot:
        known = raw.sources_of("forecast").get(source)
        return value if known and value in known.values else None
    return value if value in raw.values_of("forecast") else None


def lagged(times: Stamps, lag: Duration, zone: str) -> Stamps:
    """The stamps that lie `lag` before `times`: in local days where the lag is written in days."""
    if lag.days is None:
        return times - lag.ns
    return utc_of(wall_of(times, zone) - lag.days * DAY, zone)


def _value_faults(raw: RawSettings) -> Iterator[str]:
    for role in ("forecast", "realized", "known"):
        for name, value in raw.values_of(role).items():
            for source_name, source in raw.sources_of(role).items():
                other = source.values.get(name, value)
                if (other.unit, other.resample, other.angle) != (value.unit, value.resample, value.angle):
                    yield (
                        f"raw.sources.{source_name}.values.{name}: sources that make one value share unit, angle and "
                        f"resample, found {other.unit!r}/{other.resample} and {value.unit!r}/{value.resample}"
                    )
    for name in raw.values_of("known"):
        if (
            len({source.is_static for source in raw.sources_of("known").values() if name in source.values})
            > 1
        ):
            yield f"raw.sources: {name} is known for all time in one source and for single steps in another"
    for name in sorted(raw.values_of("forecast").keys() & raw.values_of("known").keys()):
        yield f"raw.sources: {name} is both a forecast and a known value; their features would share a name"


def _name_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    realized = list(raw.values_of("realized"))
    yield from _strangers("align.target", align.target, realized, "a realized value")
    yield from _strangers("align.features.rolling", align.features.rolling, realized, "a realized value")
    yield from _strangers("align.features.lags", align.features.lags, realized, "a realized value")
    yield from _strangers("align.features.recent", align.features.recent, realized, "a realized value")
    yield from _strangers("align.published", align.published, align.target, "a target")
    for target, name in align.published.items():
        yield from _forecast_strangers(f"align.published.{target}", [name], raw)
    if align.features.forecast != "all":
        yield from _forecast_strangers("align.features.forecast", align.features.forecast, raw)
    if align.features.known != "all":
        allowed = list(raw.values_of("known"))
        yield from _strangers("align.features.known", align.features.known, allowed, "a known value")


def _window_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    chosen = align.features
    windows = [
        (f"align.features.rolling.{name}.windows", length)
        for name, one in chosen.rolling.items()
        for length in one.windows
    ]
    windows += [("align.features.published_error", length) for length in chosen.published_error]
    for place, length in windows:
        if length.ns % raw.frequency.ns:
            yield f"{place}: must be a multiple of the frequency {raw.frequency}, found {length}"
    if chosen.published_error and not align.published:
        yield "align.features.published_error: needs a published forecast, and align.published names none"


def _angle_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    for source_name, source in raw.sources.items():
        for name, value in source.values.items():
            for part in (f"{name}_sin", f"{name}_cos"):
                if value.angle and part in source.values:
                    yield f"raw.sources.{source_name}.values.{part}: the angle {name} makes a value of this name"
    for name in align.target:
        if name in raw.values_of("realized") and raw.values_of("realized")[name].angle:
            yield f"align.target: an angle cannot be a target, found {name!r}"
    for target, name in align.published.items():
        chosen = forecast_value(raw, name)
        if chosen is not None and raw.values_of("forecast")[chosen].angle:
            yield f"align.published.{target}: an angle cannot be a published forecast, found {name!r}"


def _strangers(place: str, names: Iterable[str], allowed: Collection[str], what: str) -> Iterator[str]:
    for name in names:
        if name not in allowed:
            yield f"{place}: must be {what} ({_names(allowed)}), found {name!r}"


def _forecast_strangers(place: str, names: Iterable[str], raw: RawSettings) -> Iterator[str]:
    unknown = [name for name in names if forecast_value(raw, name) is None]
    yield from _strangers(place, unknown, list(raw.values_of("forecast")), "a forecast value")


def _range_faults(align: AlignSettings) -> Iterator[str]:
    if align.from_ is not None and align.until is not None and align.from_ >= align.until:
        yield "align.from: must lie before align.until"


def _lag_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    zones = [raw.zone] if isinstance(raw.zone, str) else sorted(set(raw.zone.values()))
    for name, lags in align.features.lags.items():
        for lag in lags:
            if lag.days is None and lag.ns % raw.frequency.ns:
                yield (
                    f"align.features.lags.{name}: must be a multiple of the frequency {raw.frequency}, found {lag}"
                )
                continue
            for source_name, source in raw.sources_of("realized").items():
                if name in source.values and not isinstance(source.known, PublishedAt):
                    fault = _forbidden(lag, source.known, align.origin, raw.frequency.ns, zones)
                    if fault:
                        yield f"align.features.lags.{name}: {fault} (source {source_name})"


def _forbidden(
    lag: Duration, known: DeclaredRule, origin: OriginRule, frequency: int, zones: list[str]
) -> str | None:
    step = frequency * max(1, -(-60 * SECOND // frequency))
    times = np.arange(_PROBE_START, _PROBE_START + _PROBE_LENGTH, step)
    for zone in zones:
        origins = origin.origins(times, zone)
        # a step that no origin covers is not made
        earliest = np.where(origins == NO_ORIGIN, np.iinfo(np.int64).max, origins).min(axis=1)
        allows = partial(_allows, known=known, times=times, earliest=earliest, frequency=frequency, zone=zone)
        if not allows(lag):
            smallest = (
                _smallest_days(allows) if lag.days else _smallest_lag(known, times, earliest, step, zone)
            )
            return (
                f"a lag of {lag} is not yet known at some origin in zone {zone}; "
                f"the smallest lag allowed is {smallest}"
            )
    return None


def _allows(
    lag: Duration, *, known: DeclaredRule, times: Stamps, earliest: Stamps, frequency: int, zone: str
) -> bool:
    return bool((known.moments(lagged(times, lag, zone), None, frequency, zone) <= earliest).all())


def _smallest_lag(
    known: DeclaredRule, times: Stamps, earliest: Stamps, step: int, zone: str
) -> Duration | str:
    past = np.arange(_PROBE_START - _MOST_DAYS * DAY, _PROBE_START + _PROBE_LENGTH, step)
    moments = np.maximum.accumulate(known.moments(past, None, step, zone))
    newest = np.searchsorted(moments, earliest, side="right") - 1
    if newest.min() < 0:
        return f"more than {_MOST_DAYS}d"
    lag = int((times - past[newest]).max())
    hours = lag % (3600 * SECOND) == 0
    return Duration.parse(f"{lag // (3600 * SECOND)}h" if hours else f"{lag // (60 * SECOND)}min")


def _smallest_days(allows: Callable[[Duration], bool]) -> str:
    days = (Duration.parse(f"{count}d") for count in range(1, _MOST_DAYS + 1))
    return next((str(lag) for lag in days if allows(lag)), f"more than {_MOST_DAYS}d")


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "there are none"
