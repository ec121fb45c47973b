"""The columns of X: a pure function of the settings, the same for every group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from hindcast.pipeline.align.aligned import Feature
from hindcast.pipeline.align.cyclic import field_of, parts_of, unit_of
from hindcast.pipeline.align.features import description as describe
from hindcast.pipeline.align.features.parts import with_parts
from hindcast.pipeline.errors import SettingsError
from hindcast.pipeline.settings.align import Statistic
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.params import Params

Kind = Literal[
    "input",
    "vintage",
    "change",
    "ahead",
    "lag",
    "recent",
    "rolling",
    "published_error",
    "static",
    "calendar",
    "holiday",
    "lead",
    "vintage_lead",
    "mask",
]


@dataclass(frozen=True)
class Input:
    """A value read as of the origin: the first of `sources` that has it for a step gives it."""

    name: str
    value: str
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A feature and how it is made.

    `of` is the input's name (input, vintage, change, ahead, static), the realized value (lag, recent, rolling), the
    target (published_error), the source (vintage_lead) or the masked feature (mask); `number` counts steps ahead, or
    back from the newest known one (from 1), or vintages (the newest is 1); `lag` is a distance, or a window's length.
    """

    kind: Kind
    feature: Feature
    of: str = ""
    number: int = 0
    lag: Duration | None = None
    statistic: Statistic | None = None
    may_miss: bool = False


def feature_list(params: Params) -> tuple[Feature, ...]:
    """The features in the order of X's last axis; raises SettingsError if two share a name."""
    known = frozenset(one.name for one in _known(params))
    made = columns(params)
    always = {
        at for at, column in enumerate(made) if column.kind in {"input", "ahead"} and column.of in known
    }
    return with_parts(
        [(column.kind, column.feature) for column in made], frozenset(made[at].feature.name for at in always)
    )


def columns(params: Params) -> tuple[Column, ...]:
    """The features with their recipes: inputs, older vintages and what changed between them, later neighbours, lags,
    recent, rolling, errors of the published forecast, static attributes, calendar, holidays, leads, masks.
    """
    plain = [
        *_inputs(params),
        *_vintages(params),
        *_changes(params),
        *_ahead(params),
        *_lags(params),
        *_recent(params),
        *_rolling(params),
        *_published_errors(params),
        *_statics(params),
        *_calendar(params),
        *_holidays(params),
        *_leads(params),
    ]
    masked = [column for column in plain if column.may_miss]
    place = {column.feature.name: len(plain) + at for at, column in enumerate(masked)}
    named = [_with_mask(column, place.get(column.feature.name, -1)) for column in plain]
    _refuse_twins([*named, *map(_mask, masked)])
    return (*named, *map(_mask, masked))


def inputs(params: Params) -> tuple[Input, ...]:
    """The forecast values, then the known values of steps, that stand in X."""
    raw, chosen = params.raw, params.align.features
    forecasts = raw.values_of("forecast") if chosen.forecast == "all" else chosen.forecast
    return (
        *(part for name in forecasts for part in _in_parts(params, forecast_input(params, name))),
        *(one for one in _known(params) if not _is_static(params, one)),
    )


def statics(params: Params) -> tuple[Input, ...]:
    """The known values that hold for all time."""
    return tuple(one for one in _known(params) if _is_static(params, one))


def _known(params: Params) -> Iterator[Input]:
    chosen = params.align.features.known
    for name in params.raw.values_of("known") if chosen == "all" else chosen:
        yield from _in_parts(params, Input(name, name, _makers(params, name, "known")))


def _is_static(params: Params, one: Input) -> bool:
    return params.raw.sources[one.sources[0]].is_static


def forecast_input(params: Params, name: str) -> Input:
    """The forecast that `value` (from every source that makes it) or `source.value` (from that one) names."""
    source, dot, value = name.rpartition(".")
    return Input(name, value, (source,)) if dot else Input(name, name, _makers(params, name, "forecast"))


def realized_sources(params: Params, value: str) -> tuple[str, ...]:
    """The sources that make a realized value, in the order in which they are asked."""
    return _makers(params, value, "realized")


def realized_parts(params: Params, value: str) -> tuple[str, ...]:
    """The values that stand for a realized value in X: sine and cosine of an angle, else itself."""
    return parts_of(value, params.raw.values_of("realized")[value])


def _in_parts(params: Params, one: Input) -> tuple[Input, ...]:
    field = params.raw.sources[one.sources[0]].values[one.value]
    names = zip(parts_of(one.name, field), parts_of(one.value, field), strict=True)
    return tuple(Input(name, value, one.sources) for name, value in names)


def _makers(params: Params, value: str, role: Literal["forecast", "known", "realized"]) -> tuple[str, ...]:
    """The sources that make a value, which may be an angle or the sine or cosine of one."""
    sources = params.raw.sources_of(role).items()
    return tuple(name for name, one in sources if value in one.values or field_of(one, value))


def _unit(params: Params, value: str, sources: tuple[str, ...]) -> str:
    field = field_of(params.raw.sources[sources[0]], value)
    assert field is not None  # the sources are chosen by having the value
    return unit_of(field)


def _inputs(params: Params) -> Iterator[Column]:
    may_miss = params.align.gaps.longer == "indicator"
    for one in inputs(params):
        sentence = describe.of_input(params, one.value, one.sources)
        feature = Feature(one.name, _unit(params, one.value, one.sources), sentence)
        yield Column("input", feature, of=one.name, may_miss=may_miss)


def _ahead(params: Params) -> Iterator[Column]:
    for one in inputs(params):
        for steps in range(1, params.align.features.ahead + 1):
            sentence = describe.of_ahead(params, one.value, one.sources, steps)
            feature = Feature(f"{one.name}_ahead_{steps}", _unit(params, one.value, one.sources), sentence)
            yield Column("ahead", feature, of=one.name, number=steps, may_miss=True)


def _vintages(params: Params) -> Iterator[Column]:
    for one in inputs(params):
        if params.raw.sources[one.sources[0]].role == "forecast":
            for number in range(2, params.align.features.vintages + 1):
                sentence = describe.of_vintage(params, one.value, one.sources, number)
                unit = _unit(params, one.value, one.sources)
                feature = Feature(f"{one.name}_vintage_{number}", unit, sentence)
                yield Column("vintage", feature, of=one.name, number=number, may_miss=True)


def _changes(params: Params) -> Iterator[Column]:
    for one in inputs(params):
        if params.raw.sources[one.sources[0]].role == "forecast":
            for number in range(1, params.align.features.vintage_changes + 1):
                sentence = describe.of_change(params, one.value, one.sources, number)
                unit = _unit(params, one.value, one.sources)
                feature = Feature(f"{one.name}_change_{number}", unit, sentence)
                yield Column("change", feature, of=one.name, number=number, may_miss=True)


def _statics(params: Params) -> Iterator[Column]:
    for one in statics(params):
        sentence = describe.of_static(params, one.value, one.sources)
        feature = Feature(one.name, _unit(params, one.value, one.sources), sentence)
        yield Column("static", feature, of=one.name, may_miss=True)


def _lags(params: Params) -> Iterator[Column]:
    chosen = params.align.features.lags
    for value, named in ((part, name) for name in chosen for part in realized_parts(params, name)):
        makers = realized_sources(params, value)
        for lag in chosen[named]:
            sentence = describe.of_lag(params, value, makers, lag)
            feature = Feature(f"{value}_lag_{lag}", _unit(params, value, makers), sentence)
            yield Column("lag", feature, of=value, lag=lag, may_miss=True)


def _recent(params: Params) -> Iterator[Column]:
    chosen = params.align.features.recent
    for value, named in ((part, name) for name in chosen for part in realized_parts(params, name)):
        makers = realized_sources(params, value)
        for number in range(1, chosen[named] + 1):
            sentence = describe.of_recent(params, value, makers, number)
            feature = Feature(f"{value}_recent_{number}", _unit(params, value, makers), sentence)
            yield Column("recent", feature, of=value, number=number, may_miss=True)


def _rolling(params: Params) -> Iterator[Column]:
    chosen = params.align.features.rolling
    for value, named in ((part, name) for name in chosen for part in realized_parts(params, name)):
        makers = realized_sources(params, value)
        for window in chosen[named].windows:
            for statistic in chosen[named].statistics:
                sentence = describe.of_rolling(params, value, makers, (statistic, window))
                feature = Feature(f"{value}_{statistic}_{window}", _unit(params, value, makers), sentence)
                yield Column("rolling", feature, of=value, lag=window, statistic=statistic, may_miss=True)


def _published_errors(params: Params) -> Iterator[Column]:
    for target in params.align.target:
        if target in params.align.published:
            makers = realized_sources(params, target)
            for window in params.align.features.published_error:
                sentence = describe.of_published_error(params, target, makers, window)
                feature = Feature(
                    f"{target}_published_error_{window}", _unit(params, target, makers), sentence
                )
                yield Column("published_error", feature, of=target, lag=window, may_miss=True)


def _calendar(params: Params) -> Iterator[Column]:
    for part in params.align.features.calendar:
        for wave in ("sin", "cos"):
            name = f"{part}_{wave}"
            yield Column("calendar", Feature(name, "1", describe.of_calendar(name)), of=name)


def _holidays(params: Params) -> Iterator[Column]:
    if params.align.features.holidays is not None:
        yield Column("holiday", Feature("holiday", "1", describe.of_holiday(params.align.features.holidays)))


def _leads(params: Params) -> Iterator[Column]:
    if not params.align.features.lead:
        return
    yield Column("lead", Feature("lead", "h", describe.of_lead()))
    made_by = [one.sources for one in inputs(params)]
    for source in params.raw.sources_of("forecast"):
        if params.raw.sources[source].has_issue and any(source in sources for sources in made_by):
            # where a source alone makes an input, the input's gap ends the sequence before its lead is missing
            may_miss = params.align.gaps.longer == "indicator" or (source,) not in made_by
            feature = Feature(f"{source}_vintage_lead", "h", describe.of_vintage_lead(source))
            yield Column("vintage_lead", feature, of=source, number=1, may_miss=may_miss)
            for number in range(2, params.align.features.vintages + 1):
                sentence = describe.of_vintage_lead(source, number)
                feature = Feature(f"{source}_vintage_{number}_lead", "h", sentence)
                yield Column("vintage_lead", feature, of=source, number=number, may_miss=True)


def _with_mask(column: Column, mask: int) -> Column:
    return replace(column, feature=replace(column.feature, mask=mask))


def _mask(column: Column) -> Column:
    name = column.feature.name
    return Column("mask", Feature(f"{name}_missing", "1", describe.of_mask(name)), of=name)


def _refuse_twins(made: list[Column]) -> None:
    counts = Counter(column.feature.name for column in made)
    twins = [
        f"align.features: {count} features would be named {name!r}; rename a value under raw.sources or drop one"
        for name, count in counts.items()
        if count > 1
    ]
    if twins:
        raise SettingsError("The features of X need different names.", twins)
