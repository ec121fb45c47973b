"""Kind `distance`: behind what is held out, training stays away as far as an input reaches back; `random` says how often not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from hindcast.pipeline.certify.findings import Findings
from hindcast.pipeline.certify.iterate import Trio, is_of_time, trios
from hindcast.pipeline.certify.slow_clock import (
    known_of,
    local_time,
    moment_of,
    moment_of_midnight,
    origins_of,
)
from hindcast.pipeline.settings.base import Duration
from hindcast.pipeline.settings.known import AfterStep, BeforeStep, DayAt, KnownRule
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.split import Blocked, RandomSamples
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import span_text, time_text

_NEVER = int(np.iinfo(np.int64).max)


def check_distances(dataset: Dataset, params: Params) -> Findings:
    """The ranges of training against the held-out ones before them, in every fold; of `random`, which keeps no distance,
    and of `blocked`, how many samples know of the other side, against what the splits say of themselves.
    """
    found = Findings("distance", "training stays away behind held-out steps as far as an input reaches back")
    if not is_of_time(params.split):
        found.rule = f"{params.split.policy} keeps no distance in time"
    reach = due_reach(dataset, params) if isinstance(params.split, Blocked | RandomSamples) else 0
    distance = reach
    if isinstance(params.split, Blocked) and params.split.distance:
        distance = params.split.distance.ns
    for trio in trios(dataset, params.split):
        if is_of_time(params.split):
            _check_ranges(found, trio, distance)
        if isinstance(params.split, Blocked | RandomSamples):
            found.rule += "; samples whose inputs reach the other side are counted right"
            _check_counts(found, dataset, trio, reach)
    return found


def due_reach(dataset: Dataset, params: Params) -> int:
    """The time in ns between a step and the earliest one whose realized value a window that ends with it may hold, step
    by step over the range of the data set.
    """
    table, frequency = dataset.sequences, dataset.frequency
    first = int(table.start_time.min()) // frequency * frequency
    last = int((table.start_time + table.step_count * frequency).max())
    times = list(range(first, last + 1, frequency))
    zones = {params.raw.zone} if isinstance(params.raw.zone, str) else set(params.raw.zone.values())
    reaches = [params.align.gaps.fill.ns]
    for zone in sorted(zones):
        reaches += _of_lags(params, times, zone)
        reaches += _of_newest(params, times, zone)
    return max(reaches) + (params.train.lookback - 1) * frequency


def _check_ranges(found: Findings, trio: Trio, distance: int) -> None:
    train, *held_out = trio.splits
    ends = sorted(stop for split in held_out for start, stop in split.spans if start < stop)
    for start, stop in train.spans:
        before = [end for end in ends if end < stop]
        if start < stop and before:
            found.looked_at()
            margin = start - before[-1] - distance
            found.note_margin(margin)
            if margin < 0:
                found.blame(
                    f"{trio.label}train begins at {time_text(start)}, {span_text(start - before[-1])} behind the held-out "
                    f"steps before {time_text(before[-1])}; its inputs reach back {span_text(distance)}"
                )


def _check_counts(found: Findings, dataset: Dataset, trio: Trio, reach: int) -> None:
    ranges = [_ranges_of(dataset, split) for split in trio.splits]
    held_out = {key: [*ranges[1].get(key, []), *ranges[2].get(key, [])] for key in {**ranges[1], **ranges[2]}}
    for number, split in enumerate(trio.splits):
        others = held_out if number == 0 else ranges[0]
        count = 0
        for key, mine in _listed_by_series(dataset, split).items():
            there, (start, stop) = np.array(others.get(key, []), np.int64).reshape(-1, 2), np.array(mine).T
            # of all ranges that begin before a sample ends, those that end before its reach begins do not meet it
            before = np.searchsorted(np.sort(there[:, 0]), stop, side="left")
            over = np.searchsorted(np.sort(there[:, 1]), start - reach, side="right")
            count += int((before > over).sum())
        found.looked_at(len(split.indices))
        said = split.attributes.get("overlap_count"), split.attributes.get("reach_ns")
        if said != (count, reach):
            found.blame(
                f"{split.name} says that {said[0]} of its samples reach the other side within {said[1]} ns; counted are "
                f"{count} within {reach} ns"
            )


def _ranges_of(dataset: Dataset, split: Split) -> dict[str, list[tuple[int, int]]]:
    """The time ranges that a split scores, by series: its samples, or, where it has intervals, those of each sequence."""
    if not split.intervals:
        return _listed_by_series(dataset, split)
    table, found = dataset.sequences, dict[str, list[tuple[int, int]]]()
    for row in range(len(table)):
        begin = int(table.start_time[row])
        end = begin + int(table.step_count[row]) * dataset.frequency
        for start, stop in split.intervals:
            if start < end and stop > begin:
                found.setdefault(_key(dataset, row), []).append((max(start, begin), min(stop, end)))
    return found


def _listed_by_series(dataset: Dataset, split: Split) -> dict[str, list[tuple[int, int]]]:
    """From the first scored step of each listed sample to the end of the last, by series."""
    table, found = dataset.sequences, dict[str, list[tuple[int, int]]]()
    step, length = dataset.frequency, dataset.segment_length
    row = np.searchsorted(table.first_sample, split.indices, side="right") - 1
    place = (split.indices - table.first_sample[row]) * length
    begin = table.start_time[row] + place * step
    end = begin + np.minimum(length, table.step_count[row] - place) * step
    first, last = np.full(len(row), _NEVER), np.full(len(row), -_NEVER)
    for start, stop in split.spans:
        met = (begin < stop) & (end > start)
        first = np.where(met, np.minimum(first, np.maximum(begin, start)), first)
        last = np.where(met, np.maximum(last, np.minimum(end, stop)), last)
    names = [_key(dataset, number) for number in range(len(table))]
    for number, since, until in zip(row.tolist(), first.tolist(), last.tolist(), strict=True):
        if since < until:
            found.setdefault(names[number], []).append((since, until))
    return found


def _key(dataset: Dataset, row: int) -> str:
    return f"{dataset.sequences.group[row]}/{dataset.sequences.series[row]}"


def _of_lags(params: Params, times: list[int], zone: str) -> Iterator[int]:
    for lag in {lag for lags in params.align.features.lags.values() for lag in lags}:
        yield max(time - _lagged(time, lag, zone, params.raw.frequency.ns) for time in times)


def _lagged(time: int, lag: Duration, zone: str, frequency: int) -> int:
    before = time - lag.ns
    if lag.days is not None:
        before = moment_of(local_time(time, zone) - timedelta(days=lag.days), zone)
    return before - before % frequency


def _of_newest(params: Params, times: list[int], zone: str) -> Iterator[int]:
    """How old the newest value known at an origin may be, and how many steps more are taken before it."""
    chosen, frequency = params.align.features, params.raw.frequency.ns
    more = {value: [(count - 1) * frequency] for value, count in chosen.recent.items()}
    for value, rolling in chosen.rolling.items():
        more.setdefault(value, []).extend(window.ns - frequency for window in rolling.windows)
    for target in params.align.published if chosen.published_error else ():
        more.setdefault(target, []).extend(window.ns - frequency for window in chosen.published_error)
    tracks = [
        origins_of(params.align.origin, times, track, zone) for track in range(params.align.origin.tracks)
    ]
    pairs = [
        (time, min(made))
        for time, *origins in zip(times, *tracks, strict=True)
        if (made := [origin for origin in origins if origin is not None])
    ]
    for value, further in more.items():
        for source in params.raw.sources_of("realized").values():
            if value in source.values and pairs:
                ages = (
                    time - _newest_known(source.known, origin, times[-1], frequency, zone)
                    for time, origin in pairs
                )
                yield max(ages) + max(further)


def _newest_known(rule: KnownRule, moment: int, last: int, frequency: int, zone: str) -> int:
    """The newest step, `last` at the most, of which a value was known at a moment, if each came when the rule says."""
    if isinstance(rule, DayAt):
        day = local_time(moment, zone).date() - timedelta(days=rule.day - 2)
        while True:
            step = moment_of_midnight(day + timedelta(days=1), zone) - 1
            step = min(step - step % frequency, last)
            known = known_of(rule, step, None, frequency, zone)
            if known is not None and known <= moment:
                return step
            day -= timedelta(days=1)
    ahead = 0  # a column may say anything: then a value is taken as known when its step is over
    if isinstance(rule, AfterStep):
        ahead = -rule.after_step.ns
    elif isinstance(rule, BeforeStep):
        ahead = rule.before_step.ns + frequency
    return min((moment + ahead) // frequency * frequency - frequency, last)
