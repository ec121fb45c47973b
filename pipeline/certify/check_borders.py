"""Check `borders`: the splits begin and end where the settings and the span of observed targets say."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from hindcast.pipeline.certify.expected_splits import EXPECTATIONS, Expectation, Range
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import PART_NAMES, SplitSet, iter_split_sets
from hindcast.pipeline.settings.split import SplitSettings
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text


def check_borders(dataset: Dataset, settings: SplitSettings, seed: int) -> CheckResult:
    """Compare the ranges of each split with the expected ones.

    Training and validation may end earlier, or begin later where blocks are held out, because they keep their distance;
    `embargo` and `distance` check that.
    """
    result = CheckResult("borders", "the splits begin and end where the settings and the span of targets say")
    expectation = EXPECTATIONS[settings.policy]
    if expectation.ranges is None:
        result.rule = f"{settings.policy} has no borders in time: `split_lists` checks its samples"
        return result
    for split_set in iter_split_sets(dataset, settings):
        result.count_checked(sum(len(split.spans) for split in split_set.splits))
        expected = expectation.ranges(dataset, settings, seed, split_set.fold)
        for fault in _faults(split_set, expected, expectation):
            result.add_violation(fault)
    return result


def _faults(split_set: SplitSet, expected: list[Range], expectation: Expectation) -> Iterator[str]:
    for number, split in enumerate(split_set.splits):
        name = f"{split_set.label}{PART_NAMES[number]}"
        due = [(start, stop) for owner, start, stop in expected if owner == number and start < stop]
        ranges = [(start, stop) for start, stop in split.spans if start < stop]
        for start, stop in ranges:
            may_begin_later = expectation.needs_reach and number == 0
            around = [span for span in due if span[0] <= start and stop <= span[1]]
            if (
                not around
                or (start != around[0][0] and not may_begin_later)
                or (number == 2 and stop != around[0][1])
            ):
                yield f"{name} is [{time_text(start)}, {time_text(stop)}), expected {_ranges_text(due)}"
        if number == 2 and len(ranges) != len(due):
            yield f"{name} has {len(ranges)} ranges, expected {len(due)}: {_ranges_text(due)}"
        edges = [edge for interval in split.intervals for edge in interval]
        if any(after <= before for before, after in pairwise(edges)):
            yield f"{name}: its intervals must ascend with gaps between them; expected {_ranges_text(due)}"
        if (split.from_time, split.until_time) != (split.spans[0][0], split.spans[-1][1]):
            yield f"{name}: its from_time and until_time are not those of its intervals"


def _ranges_text(ranges: list[tuple[int, int]]) -> str:
    return ", ".join(f"[{time_text(start)}, {time_text(stop)})" for start, stop in ranges[:4]) or "nothing"
