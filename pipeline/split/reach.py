"""How far the inputs of a row reach back: the time behind a held-out block in which a row may know its targets."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hindcast.pipeline.settings.base import DAY, Duration
from hindcast.pipeline.settings.clock import Stamps
from hindcast.pipeline.settings.known import PublishedAt, step_of
from hindcast.pipeline.settings.origin import NO_ORIGIN
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.rules import lagged

_SLACK = 60 * DAY  # how far behind the first step the newest known value is looked for


def longest_reach(params: Params, first: int, last: int) -> int:
    """The longest time in ns from a step back to the start of the earliest step whose realized value it can see.

    Over all steps in [first, last], all tracks and zones: lags, recent values, windows of statistics and of the published
    forecast's errors, inputs carried forward, and all of that at the first row of a window of `train.lookback` steps.
    Values that end with the newest known one count as if every value came when the source's rule says.
    """
    frequency = params.raw.frequency.ns
    first = first // frequency * frequency
    times = np.arange(first, max(last, first) + frequency, frequency, dtype=np.int64)
    zones = [params.raw.zone] if isinstance(params.raw.zone, str) else sorted(set(params.raw.zone.values()))
    reaches = [params.align.gaps.fill.ns]
    for zone in zones:
        reaches += _lags(params, times, zone)
        reaches += _newest(params, times, zone)
    return max(reaches) + (params.train.lookback - 1) * frequency


def _lags(params: Params, times: Stamps, zone: str) -> Iterator[int]:
    for lag in dict.fromkeys(lag for lags in params.align.features.lags.values() for lag in lags):
        yield int((times - step_of(lagged(times, lag, zone), params.raw.frequency.ns)).max())


def _newest(params: Params, times: Stamps, zone: str) -> Iterator[int]:
    """Of values that end with the newest known one: its age at the step, and how many steps more they take."""
    frequency = params.raw.frequency.ns
    origins = params.align.origin.origins(times, zone)
    earliest = np.where(origins == NO_ORIGIN, np.iinfo(np.int64).max, origins).min(axis=1)
    covered = earliest < np.iinfo(np.int64).max
    past = np.arange(times[0] - _SLACK, times[-1] + frequency, frequency)
    for value, further in _wanted(params).items():
        for source in params.raw.sources_of("realized").values():
            if value in source.values and covered.any():
                # a column may say anything: then it is taken as known when its step is over
                known = past + frequency
                if not isinstance(source.known, PublishedAt):
                    known = np.maximum.accumulate(source.known.moments(past, None, frequency, zone))
                newest = np.searchsorted(known, earliest[covered], side="right") - 1
                yield int((times[covered] - past[newest.clip(0)]).max()) + further


def _wanted(params: Params) -> dict[str, int]:
    """Realized value -> how long before the newest known step the earliest one lies that some feature takes."""
    chosen, frequency = params.align.features, params.raw.frequency.ns
    longest: dict[str, int] = {}

    def add(value: str, further: int) -> None:
        longest[value] = max(longest.get(value, 0), further)

    for value, count in chosen.recent.items():
        add(value, (count - 1) * frequency)
    for value, rolling in chosen.rolling.items():
        add(value, _longest(rolling.windows) - frequency)
    if chosen.published_error:
        for target in params.align.published:
            add(target, _longest(chosen.published_error) - frequency)
    return longest


def _longest(windows: tuple[Duration, ...]) -> int:
    return max(window.ns for window in windows)
