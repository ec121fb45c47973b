"""The values of sources that the columns of X read: a pure function of the settings, the same for every group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from hindcast.pipeline.align.cyclic import field_of, parts_of, unit_of
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.raw import Role


@dataclass(frozen=True)
class Input:
    """A value read as of the origin, for each step from the first of `sources` that has it."""

    name: str
    value: str
    sources: tuple[str, ...]


class SameSettings:
    """Settings as a key of a cache: equal only to the same object, which it keeps alive. Settings are never changed."""

    def __init__(self, params: Params) -> None:
        self.params = params

    def __hash__(self) -> int:
        return id(self.params)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameSettings) and other.params is self.params


def inputs(params: Params) -> tuple[Input, ...]:
    """Return the forecast values, then the known values of single steps, that are columns of X."""
    return _inputs(SameSettings(params))


@lru_cache(maxsize=8)  # the same for every group
def _inputs(settings: SameSettings) -> tuple[Input, ...]:
    params = settings.params
    raw, chosen = params.raw, params.align.features
    forecasts = raw.values_of("forecast") if chosen.forecast == "all" else chosen.forecast
    return (
        *(part for name in forecasts for part in _in_parts(params, forecast_input(params, name))),
        *(input_ for input_ in _known_inputs(params) if not _is_static(params, input_)),
    )


def static_inputs(params: Params) -> tuple[Input, ...]:
    """Return the known values that hold for all time."""
    return tuple(input_ for input_ in _known_inputs(params) if _is_static(params, input_))


def forecast_input(params: Params, name: str) -> Input:
    """Return the forecast named `value` (from every source that has it) or `source.value` (from this source)."""
    source, dot, value = name.rpartition(".")
    return Input(name, value, (source,)) if dot else Input(name, name, _makers(params, name, "forecast"))


def realized_inputs(params: Params, names: Iterable[str]) -> Iterator[tuple[str, Input]]:
    """Yield (name, input) per value that represents a realized one in X: sine and cosine of an angle, else itself."""
    for name in names:
        for part in parts_of(name, params.raw.values_of("realized")[name]):
            yield name, Input(part, part, _makers(params, part, "realized"))


def unit_of_input(params: Params, input_: Input) -> str:
    """Return the unit of an input; all of its sources have the same."""
    field = field_of(params.raw.sources[input_.sources[0]], input_.value)
    assert field is not None  # an input has only sources with this value
    return unit_of(field)


def is_forecast(params: Params, input_: Input) -> bool:
    """Return whether an input is a forecast, not a known value."""
    return params.raw.sources[input_.sources[0]].role == "forecast"


def _known_inputs(params: Params) -> Iterator[Input]:
    chosen = params.align.features.known
    every = (name for name in params.raw.values_of("known") if name not in params.align.mask_values)
    for name in every if chosen == "all" else chosen:
        yield from _in_parts(params, Input(name, name, _makers(params, name, "known")))


def _is_static(params: Params, input_: Input) -> bool:
    return params.raw.sources[input_.sources[0]].is_static


def _in_parts(params: Params, input_: Input) -> tuple[Input, ...]:
    field = params.raw.sources[input_.sources[0]].values[input_.value]
    names = zip(parts_of(input_.name, field), parts_of(input_.value, field), strict=True)
    return tuple(Input(name, value, input_.sources) for name, value in names)


def _makers(params: Params, value: str, role: Role) -> tuple[str, ...]:
    """Return the sources that have a value (perhaps an angle, or its sine or cosine), in the order of the settings."""
    sources = params.raw.sources_of(role).items()
    return tuple(name for name, source in sources if value in source.values or field_of(source, value))
