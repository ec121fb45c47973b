"""Rules between sections: names that must exist, lags that every origin allows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.settings.align import AlignSettings
from pipeline.settings.base import DAY, SECOND, Duration
from pipeline.settings.clock import Stamps, utc_of, wall_of
from pipeline.settings.known import DeclaredRule, PublishedAt
from pipeline.settings.origin import NO_ORIGIN
from pipeline.settings.raw import RawSettings

# Two years hold every kind of local day, whatever the zone; known moments and origins repeat beyond.
_PROBE_START = int(np.datetime64("2023-01-01", "ns").astype(np.int64))
_PROBE_LENGTH = 2 * 366 * DAY
_MOST_DAYS = 60


def faults_between_sections(raw: RawSettings, align: AlignSettings) -> list[str]:
    """All faults that only show when `raw` and `align` are seen together."""
    return [*_value_faults(raw), *_name_faults(raw, align), *_range_faults(align), *_lag_faults(raw, align)]


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
                if (other.unit, other.resample) != (value.unit, value.resample):
                    yield (f"raw.sources.{source_name}.values.{name}: sources that make one value share unit and "
                           f"resample, found {other.unit!r}/{other.resample} and {value.unit!r}/{value.resample}")
    for name in sorted(raw.values_of("forecast").keys() & raw.values_of("known").keys()):
        yield f"raw.sources: {name} is both a forecast and a known value; their features would share a name"


def _name_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    realized, forecasts = list(raw.values_of("realized")), list(raw.values_of("forecast"))
    for name in align.target:
        if name not in realized:
            yield f"align.target: must be a realized value ({_names(realized)}), found {name!r}"
    for target, forecast in align.published.items():
        if target not in align.target:
            yield f"align.published: {target!r} is no target ({_names(align.target)})"
        if forecast_value(raw, forecast) is None:
            yield f"align.published.{target}: must be a forecast value ({_names(forecasts)}), found {forecast!r}"
    for section, names in (("lags", align.features.lags), ("recent", align.features.recent)):
        for name in names:
            if name not in realized:
                yield f"align.features.{section}: must be a realized value ({_names(realized)}), found {name!r}"
    if align.features.forecast != "all":
        for name in align.features.forecast:
            if forecast_value(raw, name) is None:
                yield f"align.features.forecast: must be forecast values ({_names(forecasts)}), found {name!r}"
    if align.features.known != "all":
        for name in align.features.known:
            if name not in raw.values_of("known"):
                yield f"align.features.known: must be known values ({_names(raw.values_of('known'))}), found {name!r}"


def _range_faults(align: AlignSettings) -> Iterator[str]:
    if align.from_ is not None and align.until is not None and align.from_ >= align.until:
        yield "align.from: must lie before align.until"


def _lag_faults(raw: RawSettings, align: AlignSettings) -> Iterator[str]:
    zones = [raw.zone] if isinstance(raw.zone, str) else sorted(set(raw.zone.values()))
    for name, lags in align.features.lags.items():
        for lag in lags:
            if lag.days is None and lag.ns % raw.frequency.ns:
                yield f"align.features.lags.{name}: must be a multiple of the frequency {raw.frequency}, found {lag}"
                continue
            for source_name, source in raw.sources_of("realized").items():
                if name in source.values and not isinstance(source.known, PublishedAt):
                    yield from _forbidden(raw, align, name, lag, source_name, source.known, zones)


def _forbidden(
    raw: RawSettings,
    align: AlignSettings,
    name: str,
    lag: Duration,
    source: str,
    known: DeclaredRule,
    zones: list[str],
) -> Iterator[str]:
    step = raw.frequency.ns * max(1, -(-60 * SECOND // raw.frequency.ns))
    times = np.arange(_PROBE_START, _PROBE_START + _PROBE_LENGTH, step)
    for zone in zones:
        origins = align.origin.origins(times, zone)
        earliest = np.where(origins == NO_ORIGIN, times[:, None], origins).min(axis=1)

        def allows(candidate: Duration, zone: str = zone, earliest: Stamps = earliest) -> bool:
            moments = known.moments(lagged(times, candidate, zone), None, raw.frequency.ns, zone)
            return bool((moments <= earliest).all())

        if not allows(lag):
            smallest = _smallest_days(allows) if lag.days else _smallest_lag(known, times, earliest, step, zone)
            yield (f"align.features.lags.{name}: a lag of {lag} is not yet known at some origin (source {source}, "
                   f"zone {zone}); the smallest lag allowed is {smallest}")
            return


def _smallest_lag(known: DeclaredRule, times: Stamps, earliest: Stamps, step: int, zone: str) -> Duration | str:
    past = np.arange(_PROBE_START - _MOST_DAYS * DAY, _PROBE_START + _PROBE_LENGTH, step)
    moments = np.maximum.accumulate(known.moments(past, None, step, zone))
    newest = np.searchsorted(moments, earliest, side="right") - 1
    if newest.min() < 0:
        return f"more than {_MOST_DAYS}d"
    lag = int((times - past[newest]).max())
    hours = lag % (3600 * SECOND) == 0
    return Duration.parse(f"{lag // (3600 * SECOND)}h" if hours else f"{lag // (60 * SECOND)}min")


def _smallest_days(allows: object) -> str:
    assert callable(allows)
    days = (Duration.parse(f"{count}d") for count in range(1, _MOST_DAYS + 1))
    return next((str(lag) for lag in days if allows(lag)), f"more than {_MOST_DAYS}d")


def _names(names: object) -> str:
    listed = list(names)  # type: ignore[call-overload]
    return ", ".join(listed) if listed else "there are none"
