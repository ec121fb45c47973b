"""The expected columns of X by name: each is a slow function of one step."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache, partial
from itertools import product

from hindcast.pipeline.certify.as_known import NO_VALUE, GroupTables, KnownValue, column_names
from hindcast.pipeline.certify.holiday_kinds import holiday_value
from hindcast.pipeline.certify.slow_clock import lagged_step, local_time
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.features import Holidays
from hindcast.pipeline.settings.params import Params

_HOUR = 3600 * 1_000_000_000

_WAVES = {"sin": math.sin, "cos": math.cos}
_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: math.fsum(values) / len(values),
    "std": statistics.pstdev,
    "min": min,
    "max": max,
}
_CACHED = 1 << 14  # lookups of one value: columns with different windows need the same steps


@dataclass(frozen=True)
class Step:
    """One step of one series and track, with its origin in the data set."""

    series: str
    track: int
    time: int
    origin: int


Column = Callable[[Step], KnownValue]


def expected_columns(tables: GroupTables) -> dict[str, Column]:
    """Return, by name, the function that computes the expected value of each column of X except masks."""
    columns: dict[str, Column] = {}
    for kinds in (_of_inputs, _of_realized, _of_windows, _for_all_time, _leads):
        columns |= dict(kinds(tables))
    for part, wave in product(tables.params.align.features.calendar, _WAVES):
        columns[f"{part}_{wave}"] = partial(_calendar, tables.calendar_zone, part, wave)
    return columns


def _of_inputs(tables: GroupTables) -> Iterator[tuple[str, Column]]:
    """Yield forecasts and known values of the step and its neighbours, older vintages, and changes between vintages."""
    params, chosen = tables.params, tables.params.align.features
    for name, (sources, value) in feature_inputs(params):
        yield name, partial(_filled, tables, sources, value)
        for later in range(1, chosen.ahead + 1):
            yield f"{name}_ahead_{later}", _forecast(tables, sources, value, later=later)
        if params.raw.sources[sources[0]].role != "forecast":
            continue
        for number in range(2, chosen.vintages + 1):
            yield f"{name}_vintage_{number}", _forecast(tables, sources, value, older=number - 1)
        for number in range(1, chosen.vintage_changes + 1):
            yield f"{name}_change_{number}", partial(_change, tables, sources, value, number)


def _leads(tables: GroupTables) -> Iterator[tuple[str, Column]]:
    """Yield the prediction lead, and the leads of the vintages used."""
    params, chosen = tables.params, tables.params.align.features
    if not chosen.lead:
        return
    yield "lead", lambda step: KnownValue((tables.clock.opens(step.time) - step.origin) / _HOUR)
    for source, settings in params.raw.sources_of("forecast").items():
        values = [value for _, (sources, value) in feature_inputs(params) if source in sources]
        if settings.has_issue and values:
            for number in range(1, chosen.vintages + 1):
                name = f"{source}_vintage_lead" if number == 1 else f"{source}_vintage_{number}_lead"
                yield name, partial(_vintage_lead, tables, source, values[0], number)


def _for_all_time(tables: GroupTables) -> Iterator[tuple[str, Column]]:
    """Yield static attributes, and public holidays."""
    for name, (sources, value) in feature_inputs(tables.params, has_time=False):
        yield name, partial(_static, tables, sources, value)
    if (chosen := tables.params.align.features.holidays) is not None:
        of_group = chosen if isinstance(chosen, Holidays) else chosen[tables.group]
        days = max(1, tables.frequency // (24 * _HOUR))
        for kind in of_group.kinds:
            name = "holiday" if kind == "public" else "holiday_" + kind
            yield name, partial(_holiday, tables.calendar_zone, of_group, days, kind)


def _of_realized(tables: GroupTables) -> Iterator[tuple[str, Column]]:
    """Yield lags and recent values."""
    chosen = tables.params.align.features
    for named, lags in chosen.lags.items():
        for value in realized_parts(tables.params, named):
            for lag in lags:
                yield f"{value}_lag_{lag}", partial(_lag, tables, value, lag)
    for named, count in chosen.recent.items():
        for value in realized_parts(tables.params, named):
            newest = cache(partial(tables.newest_step, value))
            for number in range(1, count + 1):
                yield f"{value}_recent_{number}", partial(_recent, tables, value, newest, number)


def _of_windows(tables: GroupTables) -> Iterator[tuple[str, Column]]:
    """Yield rolling statistics, and errors of the published forecast."""
    params = tables.params
    for named, asked in params.align.features.rolling.items():
        for value in realized_parts(params, named):
            last = LastSteps(tables, value, None)
            for window, statistic in product(asked.windows, asked.statistics):
                yield f"{value}_{statistic}_{window}", partial(last.statistic, window, statistic)
    for target, name in params.align.published.items():
        last = LastSteps(tables, target, sources_and_value(params, "forecast", name))
        for window in params.align.features.published_error:
            yield f"{target}_published_error_{window}", partial(last.statistic, window, "mean")


def sources_and_value(params: Params, role: str, name: str) -> tuple[tuple[str, ...], str]:
    """Resolve `value` or `source.value` in a setting: the sources of a role that have the value, and the value."""
    source, _, value = name.rpartition(".")
    sources = params.raw.table_sources.items()
    of_role = tuple(
        name
        for name, each in sources
        if each.role == role
        and (value in each.values or any(value in column_names(each, known) for known in each.values))
    )
    return (source,) if source else of_role, value


def realized_parts(params: Params, value: str) -> tuple[str, ...]:
    """Return the names of the columns that contain a realized value: itself, or the sine and cosine of an angle."""
    source, *_ = sources_and_value(params, "realized", value)[0]
    return column_names(params.raw.sources[source], value)


def feature_inputs(
    params: Params, *, has_time: bool = True
) -> Iterator[tuple[str, tuple[tuple[str, ...], str]]]:
    """Yield (name, (sources, value)) of forecasts and known values: of single steps, or else of all time."""
    chosen = params.align.features
    for role, names in (("forecast", chosen.forecast), ("known", chosen.known)):
        of_role = [source for source in params.raw.table_sources.values() if source.role == role]
        every = dict.fromkeys(value for source in of_role for value in source.values)
        for rule in params.align.usable.values() if role == "known" else ():
            every = {value: None for value in every if value not in (rule.value, rule.until)}
        for name in every if names == "all" else names:
            sources, value = sources_and_value(params, role, name)
            first = params.raw.sources[sources[0]]
            times = (first.valid_time, first.lead)
            if has_time != (times != (None, None)):
                continue
            for part in column_names(first, value):
                yield name + part.removeprefix(value), (sources, part)


def _carried(tables: GroupTables, step: Step, value_at: Callable[[int, int], KnownValue]) -> KnownValue:
    """Return the value of the step. In a gap of up to `gaps.fill`, use the previous value, as known at its own origin."""
    time, origin = step.time, step.origin
    fill = tables.params.align.gaps.fill.ns
    while (value := value_at(time, origin)).is_missing:
        time -= tables.frequency
        before = tables.origin(time, step.track) if time >= tables.first_step(step.series) else None
        if step.time - time > fill or before is None:
            return NO_VALUE
        origin = before
    return value


def _filled(tables: GroupTables, sources: tuple[str, ...], value: str, step: Step) -> KnownValue:
    return _carried(tables, step, lambda time, at: tables.forecast(sources, value, step.series, time, at))


def _forecast(
    tables: GroupTables, sources: tuple[str, ...], value: str, *, later: int = 0, older: int = 0
) -> Column:
    """Return a column: the value as known at the origin, `later` steps ahead or of a vintage `older` issues back."""
    ahead = later * tables.frequency
    return lambda step: tables.forecast(sources, value, step.series, step.time + ahead, step.origin, older)


def _change(tables: GroupTables, sources: tuple[str, ...], value: str, number: int, step: Step) -> KnownValue:
    for source in sources:
        newer, older = (
            tables.vintage(source, value, step.series, step.time, step.origin, back)
            for back in (number - 1, number)
        )
        if not newer.is_missing:
            moments = [vintage.known for vintage in (newer, older) if vintage.known is not None]
            size = max(abs(newer.value), abs(older.value))
            return KnownValue(newer.value - older.value, None, max(moments), size)
    return NO_VALUE


def _static(tables: GroupTables, sources: tuple[str, ...], value: str, step: Step) -> KnownValue:
    return tables.static(sources, value, step.series)


def _holiday(zone: str, chosen: Holidays, count: int, kind: str, step: Step) -> KnownValue:
    first = local_time(step.time, zone).date()
    dates = [first + timedelta(days=number) for number in range(count)]
    return KnownValue(math.fsum(holiday_value(chosen, kind, day) for day in dates))


def _lag(tables: GroupTables, value: str, lag: Duration, step: Step) -> KnownValue:
    before = lagged_step(step.time, lag, tables.calendar_zone, tables.frequency)
    return tables.realized(value, step.series, before, step.origin)


def _recent(
    tables: GroupTables, value: str, newest: Callable[[str, int], int | None], number: int, step: Step
) -> KnownValue:
    last = newest(step.series, step.origin)
    if last is None:
        return NO_VALUE
    return tables.realized(value, step.series, last - (number - 1) * tables.frequency, step.origin)


def _vintage_lead(tables: GroupTables, source: str, value: str, number: int, step: Step) -> KnownValue:
    """Return the hours from the issue time of the vintage used, or of the `number`-th newest vintage, to the step."""

    def issue(time: int, origin: int) -> KnownValue:
        used = tables.vintage(source, value, step.series, time, origin, number - 1)
        return NO_VALUE if used.issue is None else KnownValue(float(used.issue), used.issue, used.known)

    used = _carried(tables, step, issue) if number == 1 else issue(step.time, step.origin)
    if used.issue is None:
        return NO_VALUE
    return KnownValue((tables.clock.opens(step.time) - used.issue) / _HOUR, used.issue, used.known)


def _calendar(zone: str, part: str, wave: str, step: Step) -> KnownValue:
    local = local_time(step.time, zone)
    day, year = local.timetuple().tm_yday - 1, date(local.year, 12, 31).timetuple().tm_yday
    turn = {
        "hour": (local - datetime.combine(local, time())) / timedelta(days=1),
        "weekday": local.weekday() / 7,
        "yearday": day / year,
    }[part]
    # nine digits, so that the sine of a half turn is 0
    return KnownValue(round(_WAVES[wave](2 * math.pi * turn), 9))


class LastSteps:
    """The values of the last steps known at an origin, or their differences from a published forecast (sources, value)."""

    def __init__(self, tables: GroupTables, value: str, published: tuple[Sequence[str], str] | None) -> None:
        self._tables, self._published = tables, published
        self._newest = lru_cache(_CACHED)(partial(tables.newest_step, value))
        self._realized = lru_cache(_CACHED)(partial(tables.realized, value))
        self._first = lru_cache(_CACHED)(tables.first_step)

    def statistic(self, window: Duration, name: str, step: Step) -> KnownValue:
        """Return the statistic over a window; no value if fewer than half of its steps have a value."""
        newest = self._newest(step.series, step.origin)
        if newest is None:
            return NO_VALUE
        count = window.ns // self._tables.frequency
        steps = [newest - back * self._tables.frequency for back in range(count)]
        values = [value for time in steps if not (value := self._value(time, step)).is_missing]
        if 2 * len(values) < count:
            return NO_VALUE
        result = _STATISTICS[name]([value.value for value in values])
        size = max(max(abs(value.value), value.size) for value in values)
        known = max(value.known for value in values if value.known is not None)
        return KnownValue(result, None, known, size, (steps[-1], steps[0]))

    def _value(self, time: int, step: Step) -> KnownValue:
        realized = self._realized(step.series, time, step.origin)
        if self._published is None or realized.is_missing:
            return realized
        origin = self._tables.origin(time, step.track) if time >= self._first(step.series) else None
        if origin is None or origin > step.origin:
            return NO_VALUE
        published = self._tables.forecast(*self._published, step.series, time, origin)
        size = max(abs(realized.value), abs(published.value))
        return KnownValue(realized.value - published.value, None, realized.known, size, realized.steps)
