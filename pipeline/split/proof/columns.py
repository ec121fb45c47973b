"""The columns of X by their names, each as a slow function of one step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from functools import cache, partial
from itertools import product

from pipeline.settings.base import Duration
from pipeline.settings.params import Params
from pipeline.split.proof.clocks import local_time, moment_of
from pipeline.split.proof.values import NOTHING, GroupTables, Said, parts_of
from pipeline.split.proof.window import Last, Step

_HOUR = 3600 * 1_000_000_000


_WAVES = {"sin": math.sin, "cos": math.cos}

Column = Callable[[Step], Said]


def columns_of(tables: GroupTables) -> dict[str, Column]:
    """What each column of X must hold, by its name: all but masks."""
    params = tables.params
    makers = dict(_inputs(params))
    found: dict[str, Column] = {}
    for name, (sources, value) in makers.items():
        found[name] = partial(_input, tables, sources, value)
        for number in range(2, params.align.features.vintages + 1):
            if params.raw.sources[sources[0]].role == "forecast":
                found[f"{name}_vintage_{number}"] = partial(_vintage, tables, sources, value, number)
        for later in range(1, params.align.features.ahead + 1):
            found[f"{name}_ahead_{later}"] = partial(_ahead, tables, sources, value, later)
    found |= dict(_of_realized(tables)) | dict(_of_windows(tables))
    for part, wave in product(params.align.features.calendar, _WAVES):
        found[f"{part}_{wave}"] = partial(_calendar, tables.zone, part, wave)
    if params.align.features.lead:
        found["lead"] = lambda step: Said((step.time - step.origin) / _HOUR)
        for source, settings in params.raw.sources_of("forecast").items():
            values = [value for sources, value in makers.values() if source in sources]
            if settings.has_issue and values:
                found[f"{source}_vintage_lead"] = partial(_vintage_lead, tables, source, values[0])
                for number in range(2, params.align.features.vintages + 1):
                    found[f"{source}_vintage_{number}_lead"] = partial(
                        _older_lead, tables, source, values[0], number
                    )
    return found


def _of_realized(tables: GroupTables) -> Iterator[tuple[str, Column]]:
    """Lags and recent values."""
    chosen = tables.params.align.features
    for named, lags in chosen.lags.items():
        for value in _realized_parts(tables.params, named):
            for lag in lags:
                yield f"{value}_lag_{lag}", partial(_lag, tables, value, lag)
    for named, count in chosen.recent.items():
        for value in _realized_parts(tables.params, named):
            newest = cache(partial(tables.newest_step, value))
            for number in range(1, count + 1):
                yield f"{value}_recent_{number}", partial(_recent, tables, value, newest, number)


def _of_windows(tables: GroupTables) -> Iterator[tuple[str, Column]]:
    """Rolling statistics, and errors of the published forecast."""
    params = tables.params
    for named, asked in params.align.features.rolling.items():
        for value in _realized_parts(params, named):
            last = Last(tables, value, None)
            for window, statistic in product(asked.windows, asked.statistics):
                yield f"{value}_{statistic}_{window}", partial(last.statistic, window, statistic)
    for target, name in params.align.published.items():
        source, _, value = name.rpartition(".")
        makers = [source] if source else _makers(params, "forecast", value)
        last = Last(tables, target, (makers, value))
        for window in params.align.features.published_error:
            yield f"{target}_published_error_{window}", partial(last.statistic, window, "mean")


def _realized_parts(params: Params, value: str) -> tuple[str, ...]:
    return parts_of(params.raw.sources[_makers(params, "realized", value)[0]], value)


def _makers(params: Params, role: str, value: str) -> list[str]:
    sources = params.raw.sources.items()
    return [name for name, source in sources if source.role == role and value in source.values]


def _inputs(params: Params) -> Iterator[tuple[str, tuple[tuple[str, ...], str]]]:
    """Name -> (sources, value) of forecasts and known values."""
    chosen = params.align.features
    for role, names in (("forecast", chosen.forecast), ("known", chosen.known)):
        of_role = [source for source in params.raw.sources.values() if source.role == role]
        every = dict.fromkeys(value for source in of_role for value in source.values)
        for name in every if names == "all" else names:
            source, _, value = name.rpartition(".")
            makers = (source,) if source else tuple(_makers(params, role, value))
            for part in parts_of(params.raw.sources[makers[0]], value):
                yield name + part.removeprefix(value), (makers, part)


def _carried(tables: GroupTables, step: Step, said: Callable[[int, int], Said]) -> Said:
    """A gap of up to `gaps.fill` takes the value before it, as known at that step's own origin."""
    time, origin = step.time, step.origin
    fill = tables.params.align.gaps.fill.ns
    while (found := said(time, origin)).is_missing:
        time -= tables.frequency
        before = tables.origin(time, step.track) if time >= tables.first_step(step.series) else None
        if step.time - time > fill or before is None:
            return NOTHING
        origin = before
    return found


def _input(tables: GroupTables, sources: tuple[str, ...], value: str, step: Step) -> Said:
    return _carried(tables, step, lambda time, at: tables.forecast(sources, value, step.series, time, at))


def _vintage(tables: GroupTables, sources: tuple[str, ...], value: str, number: int, step: Step) -> Said:
    return tables.forecast(sources, value, step.series, step.time, step.origin, number - 1)


def _ahead(tables: GroupTables, sources: tuple[str, ...], value: str, later: int, step: Step) -> Said:
    return tables.forecast(sources, value, step.series, step.time + later * tables.frequency, step.origin)


def _lag(tables: GroupTables, value: str, lag: Duration, step: Step) -> Said:
    if lag.days is None:
        before = step.time - lag.ns
    else:
        before = moment_of(local_time(step.time, tables.zone) - timedelta(days=lag.days), tables.zone)
    return tables.realized(value, step.series, before // tables.frequency * tables.frequency, step.origin)


def _recent(
    tables: GroupTables, value: str, newest: Callable[[str, int], int | None], number: int, step: Step
) -> Said:
    last = newest(step.series, step.origin)
    if last is None:
        return NOTHING
    return tables.realized(value, step.series, last - (number - 1) * tables.frequency, step.origin)


def _vintage_lead(tables: GroupTables, source: str, value: str, step: Step) -> Said:
    def issue(time: int, origin: int) -> Said:
        said = tables.vintage(source, value, step.series, time, origin)
        return NOTHING if said.issue is None else Said(float(said.issue), said.issue, said.known)

    said = _carried(tables, step, issue)
    return Said(math.nan if said.issue is None else (step.time - said.issue) / _HOUR, said.issue, said.known)


def _calendar(zone: str, part: str, wave: str, step: Step) -> Said:
    shown = local_time(step.time, zone)
    day, year = shown.timetuple().tm_yday - 1, date(shown.year, 12, 31).timetuple().tm_yday
    turn = {
        "hour": (shown - datetime.combine(shown, time())) / timedelta(days=1),
        "weekday": shown.weekday() / 7,
        "yearday": day / year,
    }[part]
    return Said(
        round(_WAVES[wave](2 * math.pi * turn), 9)
    )  # nine digits, so that the sine of a half turn is 0


def _older_lead(tables: GroupTables, source: str, value: str, number: int, step: Step) -> Said:
    said = tables.vintage(source, value, step.series, step.time, step.origin, number - 1)
    if said.issue is None:
        return NOTHING
    return Said((step.time - said.issue) / _HOUR, said.issue, said.known)
