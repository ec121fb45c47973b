"""Check `distance`: after held-out steps, training waits as long as its inputs reach back; overlaps are counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX
from hindcast.pipeline.certify.expected_splits import EXPECTATIONS, first_and_last_steps
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import SplitSet, iter_split_sets
from hindcast.pipeline.certify.slow_clock import (
    known_of,
    lagged_step,
    local_time,
    moment_of_label,
    moment_of_midnight,
    origins_of,
    wall_label,
)
from hindcast.pipeline.certify.step_clock import step_clock
from hindcast.pipeline.settings.known import AfterStep, BeforeStep, DayAt, KnownRule
from hindcast.pipeline.settings.params import Params
from hindcast.pipeline.settings.split import Blocked
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import span_text, time_text

RangesBySeries = dict[str, list[tuple[int, int]]]
"""By group/series: ranges [start, stop) in ns."""


def check_distances(dataset: Dataset, params: Params) -> CheckResult:
    """Compare the ranges of training with the held-out ranges before them, in every fold. If the policy has training steps
    after held-out steps, also count the samples whose inputs reach targets of the other side, and compare with the recorded number.
    """
    expectation = EXPECTATIONS[params.split.policy]
    result = CheckResult(
        "distance",
        "the distance from held-out steps to later training steps is at least as long as inputs reach back",
    )
    if not expectation.is_of_time:
        result.rule = f"{params.split.policy} keeps no distance in time"
    reach = expected_reach(dataset, params) if expectation.needs_reach else 0
    distance = reach
    if isinstance(params.split, Blocked) and params.split.distance:
        distance = params.split.distance.ns
    for split_set in iter_split_sets(dataset, params.split):
        if expectation.is_of_time:
            _check_ranges(result, split_set, distance)
        if expectation.needs_reach:
            result.rule += "; the recorded number of samples whose inputs reach targets of the other side (training or held out) is right"
            _check_counts(result, dataset, split_set, reach)
    return result


def expected_reach(dataset: Dataset, params: Params) -> int:
    """Return the longest time in ns from a step back to the earliest realized value in the window that ends with it,
    computed step by step over the range of the data set.
    """
    table, frequency = dataset.sequences, dataset.frequency
    first = int(table.start_time.min()) // frequency * frequency
    last = int((table.start_time + table.step_count * frequency).max())
    times = list(range(first, last + 1, frequency))
    reaches = [params.align.gaps.fill.ns]
    for zone, phase in sorted(_zones_and_phases(params)):
        steps = [time + phase for time in times]
        reaches += _of_lags(params, steps, "UTC" if params.raw.frequency.days else zone)
        reaches += _of_newest(params, steps, zone)
    return max(reaches) + _longest_flagged_run(params) + (params.train.lookback - 1) * frequency


def _longest_flagged_run(params: Params) -> int:
    """Return the length, in whole steps, of the longest run that decides whether an input counts as missing."""
    chosen, step = params.align.features, params.raw.frequency.ns
    read = {*chosen.lags, *chosen.recent, *chosen.rolling}
    if chosen.published_error:
        read |= set(params.align.published)
    longest = 0
    for source in params.raw.table_sources.values():
        for name, value in source.values.items():
            if source.role == "realized" and name in read and value.flag and value.on_flag == "missing":
                runs = [limit.ns for limit in (value.flag.zeros, value.flag.frozen) if limit is not None]
                longest = max([longest, *runs])
    return (longest + step - 1) // step * step


def _zones_and_phases(params: Params) -> set[tuple[str, int]]:
    """Return the pairs of zone and grid offset that groups may have."""
    zone, offset, anchor = params.raw.zone, params.raw.grid_offset, params.raw.anchor
    if isinstance(zone, dict):
        names = [group for group in zone if not isinstance(anchor, dict) or group in anchor]
        return {(zone[group], step_clock(params, group).phase) for group in names}
    named: list[str] = ["", *offset] if isinstance(offset, dict) else [""]
    if isinstance(anchor, dict):
        named = [*anchor]
    return {(zone, step_clock(params, group).phase) for group in named}


def _check_ranges(result: CheckResult, split_set: SplitSet, distance: int) -> None:
    train, *held_out = split_set.splits
    ends = sorted(stop for split in held_out for start, stop in split.spans if start < stop)
    for start, stop in train.spans:
        before = [end for end in ends if end < stop]
        if start < stop and before:
            result.count_checked()
            margin = start - before[-1] - distance
            result.note_margin(margin)
            if margin < 0:
                result.add_violation(
                    f"{split_set.label}train begins at {time_text(start)}, {span_text(start - before[-1])} after the held-out "
                    f"steps that end at {time_text(before[-1])}; the distance must be at least {span_text(distance)}"
                )


def _check_counts(result: CheckResult, dataset: Dataset, split_set: SplitSet, reach: int) -> None:
    ranges = [_ranges_of(dataset, split) for split in split_set.splits]
    held_out = {key: [*ranges[1].get(key, []), *ranges[2].get(key, [])] for key in {**ranges[1], **ranges[2]}}
    for number, split in enumerate(split_set.splits):
        others = held_out if number == 0 else ranges[0]
        count = 0
        for key, samples in _listed_by_series(dataset, split).items():
            spans, (start, stop) = np.array(others.get(key, []), np.int64).reshape(-1, 2), np.array(samples).T
            # ranges that begin before the sample ends, minus ranges that end before its reach begins
            begun = np.searchsorted(np.sort(spans[:, 0]), stop, side="left")
            ended = np.searchsorted(np.sort(spans[:, 1]), start - reach, side="right")
            count += int((begun > ended).sum())
        result.count_checked(len(split.indices))
        recorded = split.attributes.get("overlap_count"), split.attributes.get("reach_ns")
        if recorded != (count, reach):
            result.add_violation(
                f"{split.name} records {recorded[0]} samples whose inputs reach the other side within {recorded[1]} ns, but "
                f"this check counts {count} within {reach} ns"
            )


def _ranges_of(dataset: Dataset, split: Split) -> RangesBySeries:
    """Return the time ranges that a split scores, by series: its samples, or its intervals in each sequence."""
    if not split.intervals:
        return _listed_by_series(dataset, split)
    table, ranges = dataset.sequences, RangesBySeries()
    for row in range(len(table)):
        begin = int(table.start_time[row])
        end = begin + int(table.step_count[row]) * dataset.frequency
        for start, stop in split.intervals:
            if start < end and stop > begin:
                ranges.setdefault(_key(dataset, row), []).append((max(start, begin), min(stop, end)))
    return ranges


def _listed_by_series(dataset: Dataset, split: Split) -> RangesBySeries:
    """Return, by series, the range from the first scored step of each listed sample to the end of its last one."""
    first_step, last_step = first_and_last_steps(dataset)
    begin, end = first_step[split.indices], last_step[split.indices] + dataset.frequency
    first, last = np.full(len(begin), TIME_MAX), np.full(len(begin), -TIME_MAX)
    for start, stop in split.spans:
        met = (begin < stop) & (end > start)
        first = np.where(met, np.minimum(first, np.maximum(begin, start)), first)
        last = np.where(met, np.maximum(last, np.minimum(end, stop)), last)
    ranges: RangesBySeries = {}
    names = [_key(dataset, row) for row in range(len(dataset.sequences))]
    rows = np.searchsorted(dataset.sequences.first_sample, split.indices, side="right") - 1
    for row, since, until in zip(rows.tolist(), first.tolist(), last.tolist(), strict=True):
        if since < until:
            ranges.setdefault(names[row], []).append((since, until))
    return ranges


def _key(dataset: Dataset, row: int) -> str:
    return f"{dataset.sequences.group[row]}/{dataset.sequences.series[row]}"


def _of_lags(params: Params, times: list[int], zone: str) -> Iterator[int]:
    for lag in {lag for lags in params.align.features.lags.values() for lag in lags}:
        yield max(time - lagged_step(time, lag, zone, params.raw.frequency.ns) for time in times)


def _of_newest(params: Params, times: list[int], zone: str) -> Iterator[int]:
    """Yield the age of the newest value known at an origin, plus the length of the window that ends with it."""
    chosen, frequency = params.align.features, params.raw.frequency.ns
    more = {value: [(count - 1) * frequency] for value, count in chosen.recent.items()}
    for value, rolling in chosen.rolling.items():
        more.setdefault(value, []).extend(window.ns - frequency for window in rolling.windows)
    for target in params.align.published if chosen.published_error else ():
        more.setdefault(target, []).extend(window.ns - frequency for window in chosen.published_error)
    has_days = params.raw.frequency.days is not None
    begins = [moment_of_label(time, zone) for time in times] if has_days else times
    tracks = [
        origins_of(params.align.origin, begins, track, zone) for track in range(params.align.origin.tracks)
    ]
    newest = _newest_days_known if has_days else _newest_known
    pairs = [
        (time, min(known_origins))
        for time, *origins in zip(times, *tracks, strict=True)
        if (known_origins := [origin for origin in origins if origin is not None])
    ]
    for value, further in more.items():
        for source in params.raw.sources_of("realized").values():
            if value in source.values and pairs:
                ages = (
                    time - newest(source.known, origin, times[-1], frequency, zone) for time, origin in pairs
                )
                yield max(ages) + max(further)


def _newest_days_known(rule: KnownRule, moment: int, last: int, frequency: int, zone: str) -> int:
    """Return the same for steps of local days, by trial from a step that is surely not known yet."""
    span = getattr(rule, "before_step", None)
    step = wall_label(moment + (0 if span is None or isinstance(span, str) else span.ns), zone) + frequency
    if isinstance(rule, DayAt):
        step += max(0, -rule.day) * 86_400 * 1_000_000_000
    step = min(step - (step - last) % frequency, last)
    while True:
        begin, end = (moment_of_label(name, zone) for name in (step, step + frequency))
        known = known_of(rule, begin, None, frequency, zone) if isinstance(rule, DayAt) else end
        if isinstance(rule, AfterStep):
            known = end + rule.after_step.ns
        elif isinstance(rule, BeforeStep):
            known = begin - rule.before_step.ns
        if known is not None and known <= moment:
            return step
        step -= frequency


def _newest_known(rule: KnownRule, moment: int, last: int, frequency: int, zone: str) -> int:
    """Return the newest step, at most `last`, that was known at a given time if every value becomes known as the rule gives."""
    if isinstance(rule, DayAt):
        day = local_time(moment, zone).date() - timedelta(days=rule.day - 2)
        while True:
            step = moment_of_midnight(day + timedelta(days=1), zone) - 1
            step = min(step - (step - last) % frequency, last)
            known = known_of(rule, step, None, frequency, zone, last % frequency)
            if known is not None and known <= moment:
                return step
            day -= timedelta(days=1)
    ahead = 0  # a column may contain any time: assume that a value is known when its step is over
    if isinstance(rule, AfterStep):
        ahead = -rule.after_step.ns
    elif isinstance(rule, BeforeStep):
        ahead = rule.before_step.ns + frequency
    moment += ahead
    return min(moment - (moment - last) % frequency - frequency, last)
