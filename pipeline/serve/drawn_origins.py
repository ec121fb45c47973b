"""Which origins of the test split are proven: spread over time, and always those at clock changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from hindcast.pipeline.arrays import Ints, Times
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.clock import wall_of

MOST_GROUPS = 24
"""Groups proven at one origin; where more have it, each origin has the next ones."""

MOST_SERIES = 256
"""Series of a group proven at one origin; of a group with more, each origin has the next ones in the order of names."""

_NEAR = 2 * HOUR  # a forecast step this near to a clock change is drawn


@dataclass(frozen=True)
class OriginSpan:
    """The origins of a group in the test split, ascending, and the first and last step forecast at each; ns UTC."""

    origin: Times
    first: Times
    last: Times


@dataclass(frozen=True)
class Drawn:
    """An origin, the groups for which it is proven, and whether it forecasts steps at a clock change of one of them."""

    origin: int
    groups: tuple[str, ...]
    clock_change: bool


def draw_origins(spans: Mapping[str, OriginSpan], zones: Mapping[str, str], count: int) -> list[Drawn]:
    """Return `count` origins in order (all if there are fewer): the same ones for the same arguments.

    For each zone and clock change they include the first, the middle and the last origin that forecasts a step within two hours of
    it; if these are more than `count`, they are thinned evenly. The others are spread evenly over the remaining origins.
    """
    every = np.unique(np.concatenate([np.empty(0, np.int64), *(span.origin for span in spans.values())]))
    changing = {group: _at_changes(span, zones[group]) for group, span in spans.items()}
    at_changes = np.unique(
        np.concatenate([np.empty(0, np.int64), *(_chosen(each) for each in _by_zone(changing, zones))])
    )
    special = at_changes[evenly(len(at_changes), count)]
    others = np.setdiff1d(every, special)
    chosen = np.union1d(special, others[evenly(len(others), count - len(special))])
    return [
        Drawn(origin, _groups_at(origin, number, spans, changing), bool(np.isin(origin, special)))
        for number, origin in enumerate(chosen.tolist())
    ]


def series_at(number: int, names: Sequence[str]) -> list[str] | None:
    """Return the series of a group that are proven when it has its turn of a number, of its ascending `names`; None for all of them."""
    if len(names) <= MOST_SERIES:
        return None
    pieces = -(-len(names) // MOST_SERIES)
    piece = number % pieces
    return list(names[piece * MOST_SERIES : (piece + 1) * MOST_SERIES])


@lru_cache(maxsize=1024)
def clock_changes(zone: str, first: int, last: int) -> Times:
    """Return the moments in [first, last] at which the clocks of a zone begin to show another difference to UTC."""
    hours = np.arange(first // HOUR * HOUR, last + HOUR, HOUR)
    offsets = wall_of(hours, zone) - hours
    changes: Times = hours[1:][np.diff(offsets) != 0]
    return changes


def _at_changes(span: OriginSpan, zone: str) -> list[Times]:
    """Return, for each clock change, the origins that forecast a step near it."""
    if not len(span.origin):
        return []
    changes = clock_changes(zone, int(span.first.min()), int(span.last.max()))
    return [span.origin[(span.first < change + _NEAR) & (span.last >= change - _NEAR)] for change in changes]


def _by_zone(changing: Mapping[str, list[Times]], zones: Mapping[str, str]) -> list[list[Times]]:
    """Return the lists of all groups, one group for each zone and set of origins: thousands of groups often have the same ones."""
    distinct: dict[tuple[str, bytes], list[Times]] = {}
    for group, found in changing.items():
        distinct.setdefault((zones[group], b"|".join(each.tobytes() for each in found)), found)
    return list(distinct.values())


def _chosen(origins: Sequence[Times]) -> Times:
    near = [each[evenly(len(each), 3)] for each in origins]
    return np.concatenate([np.empty(0, np.int64), *near])


def _groups_at(
    origin: int, number: int, spans: Mapping[str, OriginSpan], changing: Mapping[str, list[Times]]
) -> tuple[str, ...]:
    """Return the groups of an origin: those with a clock change first, then the next ones in turn."""
    having = [group for group, span in spans.items() if _has(span.origin, origin)]
    start = number * MOST_GROUPS % len(having)
    turned = [*having[start:], *having[:start]]
    first = [group for group in turned if any(_has(each, origin) for each in changing[group])]
    return tuple(sorted(list(dict.fromkeys([*first, *turned]))[:MOST_GROUPS]))


def _has(ascending: Times, value: int) -> bool:
    at = int(np.searchsorted(ascending, value))
    return at < len(ascending) and int(ascending[at]) == value


def evenly(length: int, count: int) -> Ints:
    """Return up to `count` indices below `length`, evenly spaced, with the first and the last one if there are two."""
    if count >= length:
        return np.arange(length)
    if count <= 1:
        return np.array([length // 2])[: max(count, 0)]
    return np.unique(np.linspace(0, length - 1, count).round().astype(np.int64))
