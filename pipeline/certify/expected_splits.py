"""The expected result of each split policy, written a second time: properties, ranges of time and lists of samples.

Nothing here is imported from `split`; a test checks that every policy has its entry in `EXPECTATIONS`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.settings.split import Blocked, Chronological, HeldOut, RandomSamples, RollingOrigin
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset

_DAY = 86_400 * 1_000_000_000  # borders between steps of several days are days

Range = tuple[int, int, int]
"""(0 train, 1 validation, 2 test; start; stop), times in ns."""


@dataclass(frozen=True)
class Expectation:
    """The properties of a policy that the certificate expects.

    - `owners(dataset, splits, settings, seed)` returns, for each sample, the number of the split that must list it, or -1.
    - `ranges(dataset, settings, seed, fold)` returns, for a policy of time, the ranges of the splits in time order, before
      the embargo and the distance are applied.
    - `is_ordered`: training ends before validation begins, and validation ends before test begins.
    - `needs_reach`: held-out steps lie before training steps, so the reach of inputs matters.
    - `draws_rows`: samples are chosen at random from all tracks, so two tracks of a step may be in different splits.
    """

    owners: Callable[[Dataset, Sequence[Split], Any, int], Ints]
    ranges: Callable[[Dataset, Any, int, int | None], list[Range]] | None = None
    is_ordered: bool = False
    needs_reach: bool = False
    draws_rows: bool = False

    @property
    def is_of_time(self) -> bool:
        """Return whether the policy splits time, the same for all series; both sides run through samples across a border."""
        return self.ranges is not None


def ranges_of_borders(dataset: Dataset, settings: Chronological, seed: int, fold: int | None) -> list[Range]:
    """The policy chronological: from the first step to validation, to test, to the last step."""
    del seed, fold
    step, last_end = min(dataset.frequency, _DAY), _end_of_steps(dataset)
    end = dataset.last_target_time + dataset.frequency
    span = end - dataset.first_target_time

    def before(border: Any, base: Fraction) -> Fraction:  # a share, or a date in ns
        return base - Fraction(str(border)) * span if isinstance(border, float) else Fraction(border)

    test = before(settings.test, Fraction(end))
    validation = _round_up(before(settings.validation, test), step)
    stop = max(end, last_end, _round_up(test, step))
    test_begin = _round_up(test, step) if settings.test else stop
    validation_begin = validation if settings.validation else test_begin
    begin = min(int(dataset.sequences.start_time.min()), validation_begin)
    return _three_ranges([begin, validation_begin, test_begin, stop])


def ranges_of_fold(dataset: Dataset, settings: RollingOrigin, seed: int, fold: int | None) -> list[Range]:
    """The policy rolling_origin: one fold, or the chosen one if `fold` is None."""
    del seed
    end = dataset.last_target_time + dataset.frequency
    span = end - dataset.first_target_time
    number = settings.chosen if fold is None else fold
    length = {name: Fraction(str(getattr(settings, name))) * span for name in ("validation", "test")}
    test = end - length["test"] * (settings.folds - number)
    validation = test - length["validation"]
    begin = validation - (span - length["test"] * settings.folds - length["validation"])
    stop = test + length["test"]
    edges = [_round_up(moment, min(dataset.frequency, _DAY)) for moment in (begin, validation, test, stop)]
    # the ends of the data stay as they are: the steps of a group may start off the multiples of the frequency
    if number == settings.folds - 1:
        edges[3] = max(end, _end_of_steps(dataset))
    if number == 0 or settings.window == "expanding":
        edges[0] = min(int(dataset.sequences.start_time.min()), dataset.first_target_time)
    return _three_ranges(edges)


def ranges_of_blocks(dataset: Dataset, settings: Blocked, seed: int, fold: int | None) -> list[Range]:
    """The policy blocked: neighbouring blocks of one split as one range."""
    del fold
    begin, end = dataset.first_target_time, dataset.last_target_time + dataset.frequency
    length = settings.block.ns
    count, rest = divmod(end - begin, length)
    count = max(1, count + (2 * rest >= length))
    wanted = [_count(share, count) for share in (settings.validation, settings.test)]
    sections = sum(wanted)
    in_order = sorted(range(sections), key=lambda section: _hash(seed, "part", section))
    owners = [0] * count
    for section in range(sections):
        low, high = section * count // sections, (section + 1) * count // sections
        block = low + _hash(seed, "block", section) % (high - low)
        owners[block] = 1 if in_order.index(section) < wanted[0] else 2
    ranges: list[Range] = []
    for number, owner in enumerate(owners):
        start, stop = begin + number * length, begin + (number + 1) * length
        if ranges and ranges[-1][0] == owner:
            ranges[-1] = (owner, ranges[-1][1], stop)
        else:
            ranges.append((owner, start, stop))
    ranges[0] = (ranges[0][0], min(begin, int(dataset.sequences.start_time.min())), ranges[0][2])
    ranges[-1] = (ranges[-1][0], ranges[-1][1], max(end, _end_of_steps(dataset)))
    return ranges


def owners_by_time(dataset: Dataset, splits: Sequence[Split], settings: Any, seed: int) -> Ints:
    """Return the last split that each sample reaches, or -1 if it lies in an embargo."""
    del settings, seed
    first, last = first_and_last_steps(dataset)
    owners = np.full(len(first), -1)
    for number, split in enumerate(splits):
        reaches = last >= split.from_time
        # a sample that reaches this split but begins after its end lies in its embargo or belongs to a later split; a sample
        # that reaches beyond the test of a fold belongs to no split
        ends = first if number < len(splits) - 1 else last
        owners[reaches] = np.where(ends[reaches] < split.until_time, number, -1)
    return owners


def owners_by_blocks(dataset: Dataset, splits: Sequence[Split], settings: Blocked, seed: int) -> Ints:
    """Return the split of the last held-out block that each sample reaches, else training; -1 outside that split's ranges."""
    first, last = first_and_last_steps(dataset)
    block_owner = np.zeros(len(first), np.int64)
    for owner, start, stop in ranges_of_blocks(dataset, settings, seed, None):
        if owner:
            block_owner[(first < stop) & (last >= start)] = owner  # a later block overwrites an earlier one
    owners = np.full(len(first), -1)
    for number, split in enumerate(splits):
        for start, stop in split.spans:
            owners[(block_owner == number) & (first < stop) & (last >= start)] = number
    return owners


def owners_by_names(dataset: Dataset, splits: Sequence[Split], settings: HeldOut, seed: int) -> Ints:
    """Assign series, or groups, in the order of a hash: the first to validation, the next to test, the rest to training."""
    del splits
    table = dataset.sequences
    names = [
        (str(group),) if settings.policy == "by_group" else (str(group), str(series))
        for group, series in zip(table.group, table.series, strict=True)
    ]
    drawn = sorted(
        set(names), key=lambda name: hashlib.sha256("\0".join([str(seed), *name]).encode()).hexdigest()
    )
    owner = dict.fromkeys(drawn, 0)
    for number, share in ((1, settings.validation), (2, settings.test)):
        count = _count(share, len(drawn))
        owner |= dict.fromkeys([name for name in drawn if not owner[name]][:count], number)
    return np.repeat(np.array([owner[name] for name in names], np.int64), table.sample_count)


def owners_by_permutation(
    dataset: Dataset, splits: Sequence[Split], settings: RandomSamples, seed: int
) -> Ints:
    """Assign samples by a permutation of all samples, cut at the shares."""
    del splits
    count = dataset.sample_count
    owners = np.zeros(count, np.int64)
    order = np.random.default_rng(seed).permutation(count)
    validation, test = (Fraction(str(share)) for share in (settings.validation, settings.test))
    owners[order[int((1 - validation - test) * count) :]] = 1
    owners[order[int((1 - test) * count) :]] = 2
    return owners


def first_and_last_steps(dataset: Dataset, rows: Ints | None = None) -> tuple[Ints, Ints]:
    """Return the first and the last real step of every sample (ns), or of those of some rows of the table of sequences."""
    table, length, step = dataset.sequences, dataset.segment_length, dataset.frequency
    chosen = np.arange(len(table)) if rows is None else rows
    counts = -(-table.step_count[chosen] // length)
    of_sample = np.repeat(chosen, counts)
    places = (np.arange(len(of_sample)) - np.repeat(np.cumsum(counts) - counts, counts)) * length
    begin = table.start_time[of_sample]
    lasts = np.minimum(places + length, table.step_count[of_sample]) - 1
    return begin + places * step, begin + lasts * step


def _three_ranges(edges: list[int]) -> list[Range]:
    return [(number, edges[number], edges[number + 1]) for number in range(3)]


def _count(share: float, total: int) -> int:
    return max(1, round(Fraction(str(share)) * total)) if share else 0


def _hash(seed: int, word: str, number: int) -> int:
    text = "\0".join((str(seed), word, str(number)))
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def _end_of_steps(dataset: Dataset) -> int:
    table = dataset.sequences
    return int((table.start_time + table.step_count * dataset.frequency).max())


def _round_up(moment: Fraction, step: int) -> int:
    whole, rest = divmod(moment, step)
    return int(whole + (rest > 0)) * step


EXPECTATIONS: dict[str, Expectation] = {
    "chronological": Expectation(owners_by_time, ranges_of_borders, is_ordered=True),
    "rolling_origin": Expectation(owners_by_time, ranges_of_fold, is_ordered=True),
    "blocked": Expectation(owners_by_blocks, ranges_of_blocks, needs_reach=True),
    "by_series": Expectation(owners_by_names),
    "by_group": Expectation(owners_by_names),
    "random": Expectation(owners_by_permutation, needs_reach=True, draws_rows=True),
}
