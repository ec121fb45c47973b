"""The columns of X by their names, each as a slow function of one step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial

from pipeline.settings.base import Duration
from pipeline.settings.params import Params
from pipeline.split.proof.clocks import local_time, moment_of
from pipeline.split.proof.values import NOTHING, GroupTables, Said

_HOUR = 3600 * 1_000_000_000


@dataclass(frozen=True)
class Step:
    """One step of one series and track, and the origin that the data set gives it."""

    series: str
    track: int
    time: int
    origin: int


Column = Callable[[Step], Said]


def columns_of(tables: GroupTables) -> dict[str, Column]:
    """What each column of X must hold, by its name: all but calendar columns, which are known for all time, and masks."""
    params = tables.params
    makers = dict(_inputs(params))
    found: dict[str, Column] = {}
    for name, (sources, value) in makers.items():
        found[name] = partial(_input, tables, sources, value)
        for later in range(1, params.align.features.ahead + 1):
            found[f"{name}_ahead_{later}"] = partial(_ahead, tables, sources, value, later)
    for value, lags in params.align.features.lags.items():
        for lag in lags:
            found[f"{value}_lag_{lag}"] = partial(_lag, tables, value, lag)
    for value, count in params.align.features.recent.items():
        newest = cache(partial(tables.newest_step, value))
        for number in range(1, count + 1):
            found[f"{value}_recent_{number}"] = partial(_recent, tables, value, newest, number)
    if params.align.features.lead:
        found["lead"] = lambda step: Said((step.time - step.origin) / _HOUR)
        for source, settings in params.raw.sources_of("forecast").items():
            values = [value for sources, value in makers.values() if source in sources]
            if settings.issue_time and values:
                found[f"{source}_vintage_lead"] = partial(_vintage_lead, tables, source, values[0])
    return found


def _inputs(params: Params) -> Iterator[tuple[str, tuple[tuple[str, ...], str]]]:
    """Name -> (sources, value) of forecasts and known values."""
    chosen = params.align.features
    for role, names in (("forecast", chosen.forecast), ("known", chosen.known)):
        of_role = {name: source for name, source in params.raw.sources.items() if source.role == role}
        every = dict.fromkeys(value for source in of_role.values() for value in source.values)
        for name in every if names == "all" else names:
            source, _, value = name.rpartition(".")
            makers = [source] if source else [maker for maker in of_role if value in of_role[maker].values]
            yield name, (tuple(makers), value)


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
