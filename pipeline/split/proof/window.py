"""Statistics of the last steps known at an origin, step by step."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.split.proof.values import NOTHING, GroupTables, Said

_REMEMBERED = 1 << 14  # lookups of one value: columns of different windows ask for the same steps


@dataclass(frozen=True)
class Step:
    """One step of one series and track, and the origin that the data set gives it."""

    series: str
    track: int
    time: int
    origin: int


class Last:
    """The values of the last steps known at an origin, or how far they lie above a published forecast (sources, value)."""

    def __init__(self, tables: GroupTables, value: str, published: tuple[Sequence[str], str] | None) -> None:
        self._tables, self._published = tables, published
        self._newest = lru_cache(_REMEMBERED)(partial(tables.newest_step, value))
        self._realized = lru_cache(_REMEMBERED)(partial(tables.realized, value))

    def statistic(self, window: Duration, name: str, step: Step) -> Said:
        """The statistic over a window; nothing where less than half of its steps have a value."""
        newest = self._newest(step.series, step.origin)
        if newest is None:
            return NOTHING
        count = window.ns // self._tables.frequency
        steps = [newest - back * self._tables.frequency for back in range(count)]
        there = [said for time in steps if not (said := self._said(time, step)).is_missing]
        if 2 * len(there) < count:
            return NOTHING
        made = _STATISTICS[name]([said.value for said in there])
        size = max(max(abs(said.value), said.size) for said in there)
        known = max(said.known for said in there if said.known is not None)
        return Said(made, None, known, size, (steps[-1], steps[0]))

    def _said(self, time: int, step: Step) -> Said:
        realized = self._realized(step.series, time, step.origin)
        if self._published is None or realized.is_missing:
            return realized
        own = self._tables.origin(time, step.track) if time >= self._first(step.series) else None
        if own is None or own > step.origin:
            return NOTHING
        published = self._tables.forecast(*self._published, step.series, time, own)
        size = max(abs(realized.value), abs(published.value))
        return Said(realized.value - published.value, None, realized.known, size, realized.steps)

    @cached_property
    def _first(self) -> Callable[[str], int]:
        return lru_cache(_REMEMBERED)(self._tables.first_step)


_STATISTICS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "mean": lambda values: math.fsum(values) / len(values),
    "std": statistics.pstdev,
    "min": min,
    "max": max,
}
