"""Kind `split_lists`: the lists of samples are those that the settings give, and nobody's sample is another's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.certify.check_borders import due_ranges
from hindcast.pipeline.certify.findings import Findings
from hindcast.pipeline.certify.iterate import NAMES, Trio, is_of_time, names_of, trios
from hindcast.pipeline.settings.split import Blocked, HeldOut, RollingOrigin, SplitSettings
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text


def check_lists(dataset: Dataset, settings: SplitSettings, seed: int) -> Findings:
    """Every list ascends, lies inside the data set and shares no sample; and each sample stands in the list that is due:
    by time in that of the last range that it reaches, or in none if it lies between two; else in that of its series, its
    group or its place in the permutation. Of folds, the chosen one is what the data set is trained by.
    """
    found = Findings("split_lists", _rule(settings))
    folds = range(settings.folds) if isinstance(settings, RollingOrigin) else ()
    due = {name for fold in (None, *folds) for name in names_of(fold)}
    if due - set(dataset.splits):
        found.blame(f"{', '.join(sorted(due - set(dataset.splits)))}: absent")
        return found
    for name in sorted(set(dataset.splits) - due):
        found.blame(f"{name}: no setting asks for this split")
    for trio in trios(dataset, settings):
        for split in trio.splits:
            for fault in _faults_of_list(split, dataset.sample_count):
                found.blame(fault)
        if found.passed:
            _check_trio(found, dataset, trio, settings, seed)
    if isinstance(settings, RollingOrigin):
        _check_chosen(found, dataset, settings)
    return found


def _rule(settings: SplitSettings) -> str:
    if is_of_time(settings):
        return "a sample stands in the list of the last split that it reaches, and in no other"
    return (
        f"{settings.policy}: every sample stands in one list, that which the seed draws, and nobody's in two"
    )


def _faults_of_list(split: Split, sample_count: int) -> Iterator[str]:
    if (np.diff(split.indices) <= 0).any():
        yield f"{split.name}: the list does not ascend"
    outside = split.indices[(split.indices < 0) | (split.indices >= sample_count)]
    if len(outside):
        yield f"{split.name}: sample {outside[0]} is none of the {sample_count} samples"


def _check_trio(found: Findings, dataset: Dataset, trio: Trio, settings: SplitSettings, seed: int) -> None:
    owner = np.full(dataset.sample_count, -1)
    for number, split in enumerate(trio.splits):
        for sample in split.indices[owner[split.indices] >= 0].tolist():
            found.blame(f"sample {sample} is listed in {trio.splits[owner[sample]].name} and in {split.name}")
        owner[split.indices] = number
    first, last = _first_and_last_steps(dataset)
    due = _due(dataset, trio, settings, seed)
    for fault in _out_of_order(trio) if settings.policy in {"chronological", "rolling_origin"} else ():
        found.blame(fault)
    for split in () if is_of_time(settings) else trio.splits:
        inside = (first[split.indices] >= split.from_time) & (last[split.indices] < split.until_time)
        for sample in split.indices[~inside].tolist():
            found.blame(f"sample {sample} stands in {split.name}, whose interval does not hold it")
    found.looked_at(dataset.sample_count)
    names = [*(split.name for split in trio.splits), "no list"]
    for sample in np.flatnonzero(owner != due).tolist():
        found.blame(
            f"sample {sample} of {_name_of(dataset, sample)}, steps {time_text(int(first[sample]))} to "
            f"{time_text(int(last[sample]))}, stands in {names[owner[sample]]}, belongs in {names[due[sample]]}"
        )


def _due(dataset: Dataset, trio: Trio, settings: SplitSettings, seed: int) -> Ints:
    """The number of the split in whose list each sample belongs; -1 where in none."""
    if isinstance(settings, Blocked):
        return _by_blocks(dataset, trio, settings, seed)
    if is_of_time(settings):
        return _by_time(dataset, trio)
    if isinstance(settings, HeldOut):
        return _by_names(dataset, settings, seed)
    return _by_permutation(dataset, settings, seed)


def _out_of_order(trio: Trio) -> Iterator[str]:
    for before, after in pairwise(trio.splits):
        if not before.from_time <= before.until_time <= after.from_time <= after.until_time:
            yield (
                f"{before.name} ends at {time_text(before.until_time)}, {after.name} begins at {time_text(after.from_time)}"
            )


def _by_time(dataset: Dataset, trio: Trio) -> Ints:
    first, last = _first_and_last_steps(dataset)
    due = np.full(len(first), -1)
    for number, split in enumerate(trio.splits):
        reaches = last >= split.from_time
        # what reaches this split but begins after its end lies in its embargo, or belongs to a later one; behind the test
        # of a fold, what reaches beyond it belongs to none
        ends = first if number < len(trio.splits) - 1 else last
        due[reaches] = np.where(ends[reaches] < split.until_time, number, -1)
    return due


def _by_blocks(dataset: Dataset, trio: Trio, settings: Blocked, seed: int) -> Ints:
    first, last = _first_and_last_steps(dataset)
    held = np.zeros(len(first), np.int64)
    for owner, start, stop in due_ranges(dataset, settings, seed, None):
        if owner:
            held[(first < stop) & (last >= start)] = owner  # the last one that is met stands
    due = np.full(len(first), -1)
    for number, split in enumerate(trio.splits):
        for start, stop in split.spans:
            due[(held == number) & (first < stop) & (last >= start)] = number
    return due


def _by_names(dataset: Dataset, settings: HeldOut, seed: int) -> Ints:
    table = dataset.sequences
    whole = settings.policy == "by_group"
    names = [
        (str(group),) if whole else (str(group), str(series))
        for group, series in zip(table.group, table.series, strict=True)
    ]
    drawn = sorted(
        set(names), key=lambda name: hashlib.sha256("\0".join([str(seed), *name]).encode()).hexdigest()
    )
    owner = dict.fromkeys(drawn, 0)
    for number, share in ((1, settings.validation), (2, settings.test)):
        count = max(1, round(Fraction(str(share)) * len(drawn))) if share else 0
        owner |= dict.fromkeys([name for name in drawn if not owner[name]][:count], number)
    return np.repeat(np.array([owner[name] for name in names], np.int64), table.sample_count)


def _by_permutation(dataset: Dataset, settings: SplitSettings, seed: int) -> Ints:
    count = dataset.sample_count
    due = np.zeros(count, np.int64)
    order = np.random.default_rng(seed).permutation(count)
    validation, test = (Fraction(str(share)) for share in (settings.validation, settings.test))
    due[order[int((1 - validation - test) * count) :]] = 1
    due[order[int((1 - test) * count) :]] = 2
    return due


def _check_chosen(found: Findings, dataset: Dataset, settings: RollingOrigin) -> None:
    for name, of_fold in zip(NAMES, names_of(settings.chosen), strict=True):
        main, chosen = dataset.split(name), dataset.split(of_fold)
        same = np.array_equal(main.indices, chosen.indices)
        if not same or (main.from_time, main.until_time) != (chosen.from_time, chosen.until_time):
            found.blame(f"{name} is not {of_fold}, the fold that split.fold chooses")


def _name_of(dataset: Dataset, sample: int) -> str:
    table = dataset.sequences
    row = int(np.searchsorted(table.first_sample, sample, side="right")) - 1
    return f"{table.group[row]}/{table.series[row]} track {table.track[row]}"


def _first_and_last_steps(dataset: Dataset) -> tuple[Ints, Ints]:
    table, length, step = dataset.sequences, dataset.segment_length, dataset.frequency
    firsts, lasts = [], []
    for begin, count in zip(table.start_time.tolist(), table.step_count.tolist(), strict=True):
        places = np.arange(0, count, length)
        firsts.append(begin + places * step)
        lasts.append(begin + (np.minimum(places + length, count) - 1) * step)
    empty = np.zeros(0, np.int64)
    return np.concatenate([empty, *firsts]), np.concatenate([empty, *lasts])
