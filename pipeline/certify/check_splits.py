"""Checks `borders` and `split_lists`: the splits begin and end where the settings say, and list the right samples, each at
most once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from hindcast.pipeline.certify.expected_splits import EXPECTATIONS, Expectation, Range, first_and_last_steps
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import PART_NAMES, SplitSet, iter_split_sets, split_names
from hindcast.pipeline.settings.split import RollingOrigin, SplitSettings
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text


def check_borders(dataset: Dataset, settings: SplitSettings, seed: int) -> CheckResult:
    """Compare the ranges of each split with the expected ones.

    Training and validation may end earlier because of the embargo, and with held-out blocks training may begin later
    because of its distance; `embargo` and `distance` check that.
    """
    result = CheckResult(
        "borders", "the splits begin and end where the settings and the span of targets require"
    )
    expectation = EXPECTATIONS[settings.policy]
    if expectation.ranges is None:
        result.rule = f"{settings.policy} has no borders in time: `split_lists` checks its samples"
        return result
    for split_set in iter_split_sets(dataset, settings):
        result.count_checked(sum(len(split.spans) for split in split_set.splits))
        expected = expectation.ranges(dataset, settings, seed, split_set.fold)
        result.add_violations(_faults_of_borders(split_set, expected, expectation))
    return result


def check_samples(dataset: Dataset, settings: SplitSettings, seed: int) -> CheckResult:
    """Check that every list ascends, lies inside the data set and shares no sample, and that each sample is in the right
    list. If the policy splits time, this is the list of the last range that the sample reaches, or no list if it lies
    between two ranges. Otherwise its series, its group or its position in the permutation decides. With folds, the main
    splits must equal the chosen fold.
    """
    expectation = EXPECTATIONS[settings.policy]
    result = CheckResult(
        "split_lists", "a sample is in the list of the last split that it reaches, and in no other"
    )
    if not expectation.is_of_time:
        result.rule = f"{settings.policy}: every sample is in exactly one list, which follows from the seed"
    folds = range(settings.folds) if isinstance(settings, RollingOrigin) else ()
    expected = {name for fold in (None, *folds) for name in split_names(fold)}
    if missing := sorted(expected - set(dataset.splits)):
        result.add_violation(f"{', '.join(missing)}: missing; run the stage `split` again")
        return result
    for name in sorted(set(dataset.splits) - expected):
        result.add_violation(f"{name}: no setting requests this split; run the stage `split` again")
    for split_set in iter_split_sets(dataset, settings):
        for split in split_set.splits:
            result.add_violations(_faults_of_list(split, dataset.sample_count))
        if result.passed:
            _check_split_set(result, dataset, split_set, settings, seed)
    if isinstance(settings, RollingOrigin):
        _check_chosen_fold(result, dataset, settings)
    return result


def _faults_of_borders(split_set: SplitSet, expected: list[Range], expectation: Expectation) -> Iterator[str]:
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
            yield f"{name}: its from_time and until_time differ from the first and last edge of its intervals"


def _ranges_text(ranges: list[tuple[int, int]]) -> str:
    return ", ".join(f"[{time_text(start)}, {time_text(stop)})" for start, stop in ranges[:4]) or "nothing"


def _faults_of_list(split: Split, sample_count: int) -> Iterator[str]:
    if (np.diff(split.indices) <= 0).any():
        yield f"{split.name}: the list does not ascend"
    outside = split.indices[(split.indices < 0) | (split.indices >= sample_count)]
    if len(outside):
        yield f"{split.name}: sample {outside[0]} is not one of the {sample_count} samples"


def _check_split_set(
    result: CheckResult, dataset: Dataset, split_set: SplitSet, settings: SplitSettings, seed: int
) -> None:
    expectation, splits = EXPECTATIONS[settings.policy], split_set.splits
    owner = np.full(dataset.sample_count, -1)
    for number, split in enumerate(splits):
        for sample in split.indices[owner[split.indices] >= 0].tolist():
            result.add_violation(
                f"sample {sample} is listed in {splits[owner[sample]].name} and in {split.name}"
            )
        owner[split.indices] = number
    first, last = first_and_last_steps(dataset)
    if expectation.is_ordered:
        result.add_violations(_faults_of_order(split_set))
    for split in () if expectation.is_of_time else splits:
        inside = (first[split.indices] >= split.from_time) & (last[split.indices] < split.until_time)
        for sample in split.indices[~inside].tolist():
            result.add_violation(f"sample {sample} is listed in {split.name}, but lies outside its interval")
    result.count_checked(dataset.sample_count)
    names = [*(split.name for split in splits), "no list"]
    expected = expectation.owners(dataset, splits, settings, seed)
    for sample in np.flatnonzero(owner != expected).tolist():
        result.add_violation(
            f"sample {sample} of {_sequence_name(dataset, sample)}, steps {time_text(int(first[sample]))} to "
            f"{time_text(int(last[sample]))}, is in {names[owner[sample]]}, expected in {names[expected[sample]]}"
        )


def _faults_of_order(split_set: SplitSet) -> Iterator[str]:
    for before, after in pairwise(split_set.splits):
        if not before.from_time <= before.until_time <= after.from_time <= after.until_time:
            yield (
                f"{before.name} ends at {time_text(before.until_time)}, but {after.name} begins at {time_text(after.from_time)}"
            )


def _check_chosen_fold(result: CheckResult, dataset: Dataset, settings: RollingOrigin) -> None:
    for name, of_fold in zip(PART_NAMES, split_names(settings.chosen), strict=True):
        main, chosen = dataset.split(name), dataset.split(of_fold)
        same = np.array_equal(main.indices, chosen.indices)
        if not same or (main.from_time, main.until_time) != (chosen.from_time, chosen.until_time):
            result.add_violation(
                f"{name} differs from {of_fold}, the fold chosen by split.fold; run the stage `split` again"
            )


def _sequence_name(dataset: Dataset, sample: int) -> str:
    table = dataset.sequences
    row = int(np.searchsorted(table.first_sample, sample, side="right")) - 1
    return f"{table.group[row]}/{table.series[row]} track {table.track[row]}"
