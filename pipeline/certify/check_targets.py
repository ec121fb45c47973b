"""Checks `embargo` and `targets_apart`: training targets were known in time, and no training target is held out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import TIME_MAX, Flags, Ints, Times
from hindcast.pipeline.certify.expected_splits import EXPECTATIONS, first_and_last_steps
from hindcast.pipeline.certify.findings import CheckResult
from hindcast.pipeline.certify.iterate import (
    PART_NAMES,
    SplitSet,
    StepBlock,
    iter_blocks,
    iter_split_sets,
    range_of,
    samples_of,
    scored_in,
)
from hindcast.pipeline.settings.split import SplitSettings
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

Range = tuple[int, int]


def embargo_rule(settings: SplitSettings) -> str:
    """Return what `embargo` checks."""
    if EXPECTATIONS[settings.policy].is_of_time:
        return "a target of training or validation was known at the first origin of the next split"
    # `split_lists` proves that no sample is in two splits
    return f"{settings.policy} keeps no distance in time: its splits hold different series or samples"


def apart_rule(settings: SplitSettings) -> str:
    """Return what `targets_apart` checks."""
    rule = "no target that is scored in validation or test is trained on"
    return f"{rule}, in the same track" if EXPECTATIONS[settings.policy].draws_rows else rule


@dataclass(frozen=True)
class Embargo:
    """For ranges of a split, the first origin of the later splits: by then its targets must be known."""

    name: str
    ranges: tuple[Range, ...]
    first: Times

    def plain(self) -> list[Any]:
        """Return it as a JSON-like value."""
        return [self.name, self.ranges, self.first.tolist()]


AskGroups = Callable[[Callable[[Dataset, Ints], Any], Any], Sequence[Any]]
"""`ask(question, arguments)` returns `question(dataset, rows)` for the rows of the table of sequences of each group; the question
depends on nothing but these and the arguments.
"""


def embargoes(dataset: Dataset, settings: SplitSettings, ask: AskGroups | None = None) -> list[Embargo]:
    """Return, for every fold, the embargo of training before validation and test, and of validation (which chooses the
    epoch) before test. None if the policy does not split time. By default all groups are read at once.
    """
    if not EXPECTATIONS[settings.policy].is_of_time:
        return []
    sets = list(iter_split_sets(dataset, settings))
    first = _first_origins(
        [split.spans for each in sets for split in each.splits[1:]],
        ask or (lambda question, _: [question(dataset, np.arange(len(dataset.sequences)))]),
    )
    found = []
    for number, split_set in enumerate(sets):
        later = list(zip(split_set.splits[1:], first[2 * number : 2 * number + 2], strict=True))
        for part in (0, 1):
            spans = [span for split, _ in later[part:] for span in split.spans]
            origins = np.concatenate([origins for _, origins in later[part:]])
            begins = np.array([start for start, _ in spans])
            ranges = split_set.splits[part].spans
            due = [int(origins[begins >= stop].min(initial=TIME_MAX)) for _, stop in ranges]
            kept = [at for at, origin in enumerate(due) if origin != TIME_MAX]
            name = f"{split_set.label}{PART_NAMES[part]}"
            found.append(Embargo(name, tuple(ranges[at] for at in kept), np.array(due, np.int64)[kept]))
    return found


def _first_origins(spans: Sequence[Sequence[Range]], ask: AskGroups) -> list[Times]:
    """Return, for each list of ranges, the smallest origin of the steps in each range; TIME_MAX without steps."""
    smallest = [np.full(len(ranges), TIME_MAX) for ranges in spans]

    def first_of_rows(dataset: Dataset, rows: Ints) -> list[list[int]]:
        found = [np.full(len(ranges), TIME_MAX) for ranges in spans]
        begin = min((start for ranges in spans for start, _ in ranges), default=TIME_MAX)
        samples = samples_of(dataset, rows)
        for block in iter_blocks(dataset, samples[first_and_last_steps(dataset, rows)[1] >= begin], width=1):
            origins = block.read("origin")
            for ranges, of_ranges in zip(spans, found, strict=True):
                at = range_of(ranges, block.times)
                np.minimum.at(of_ranges, at[at >= 0], origins[at >= 0])
        return [of_ranges.tolist() for of_ranges in found]

    for answer in ask(first_of_rows, spans):
        for least, found in zip(smallest, answer, strict=True):
            np.minimum(least, np.array(found, np.int64), out=least)
    return smallest


def check_embargo(result: CheckResult, block: StepBlock, limits: Sequence[Embargo]) -> None:
    """Compare the known time of each scored target with the first origin of the steps that are held out after it."""
    violations = []
    for limit in limits:
        at = range_of(limit.ranges, block.times)
        inside = np.flatnonzero(at >= 0)
        if not len(inside):
            continue
        place, target = np.nonzero(block.read("W")[inside] > 0)
        step = inside[place]
        known, origin = block.read("known")[step, target], limit.first[at[step]]
        for bad in result.count_margins(np.where(known == TIME_MAX, -1, origin - known)).tolist():
            moment = "never" if known[bad] == TIME_MAX else f"at {time_text(int(known[bad]))}"
            text = (
                f"{limit.name}: {block.dataset.targets[target[bad]]} of {block.label(int(step[bad]))} was known "
                f"{moment}, but the next split's first origin is {time_text(int(origin[bad]))}"
            )
            violations.append((int(step[bad]), text))
    result.add_violations(text for _, text in sorted(violations, key=lambda violation: violation[0]))


class TargetsApart:
    """Checks, in every fold, that no scored target (series, time) of a group is both trained on and held out, regardless of
    its track. If samples are chosen at random from all tracks, only the same row counts.
    """

    def __init__(self, dataset: Dataset, settings: SplitSettings) -> None:
        self._dataset, self._by_track = dataset, EXPECTATIONS[settings.policy].draws_rows
        self._sets = list(iter_split_sets(dataset, settings))
        # steps of ranges that share no time are different steps
        self._may_share = [_overlap(split_set) for split_set in self._sets]
        self._kept: list[list[tuple[Ints, Times, Flags]]] = [[] for _ in self._sets]

    def add(self, result: CheckResult, block: StepBlock) -> None:
        """Add steps; all steps of a series must be added before `finish`."""
        has_weight = (block.read("W") > 0).any(axis=1)
        for split_set, may_share, kept in zip(self._sets, self._may_share, self._kept, strict=True):
            for part, split in enumerate(split_set.splits):
                scored = np.flatnonzero(has_weight & scored_in(split, block))
                result.count_checked(len(scored))
                if may_share:
                    kept.append((block.row[scored], block.times[scored], np.full(len(scored), part > 0)))

    def finish(self, result: CheckResult) -> None:
        """Compare the steps added, and forget them."""
        violations: list[tuple[int, str]] = []
        for split_set, kept in zip(self._sets, self._kept, strict=True):
            if kept:
                arrays = map(np.concatenate, zip(*kept, strict=True))
                violations += self._shared_targets(split_set.label, *arrays)
                kept.clear()
        result.add_violations(text for _, text in sorted(violations, key=lambda violation: violation[0]))

    def _shared_targets(self, fold: str, row: Ints, times: Times, held: Flags) -> Iterator[tuple[int, str]]:
        """Yield (first row of the table of sequences of the series, violation)."""
        rows, place = np.unique(row, return_inverse=True)
        names = list(self._names(rows))
        first = dict(zip(reversed(names), reversed(rows.tolist()), strict=True))
        code = np.array([first[name] for name in names], np.int64)[place]
        order = np.lexsort((held, times, code))
        code, times, held = code[order], times[order], held[order]
        shared = (code[1:] == code[:-1]) & (times[1:] == times[:-1]) & held[1:] & ~held[:-1]
        label = dict(zip(rows.tolist(), names, strict=True))
        for at in np.flatnonzero(shared).tolist():
            row_of_name = int(code[at])
            yield (
                row_of_name,
                f"{fold}train: the target of {label[row_of_name]} at {time_text(int(times[at]))} is also held out",
            )

    def _names(self, rows: Ints) -> Iterator[str]:
        table = self._dataset.sequences
        for row in rows.tolist():
            track = f" track {table.track[row]}" if self._by_track else ""
            yield f"{table.group[row]}/{table.series[row]}{track}"


def _overlap(split_set: SplitSet) -> bool:
    """Return whether a range of training shares times with a range that is held out."""
    train, *others = split_set.splits
    held_out = [span for split in others for span in split.spans if span[0] < span[1]]
    starts, stops = np.sort(np.array(held_out, np.int64).reshape(-1, 2), axis=0).T
    edges = np.array(train.spans, np.int64)
    begun = np.searchsorted(starts, edges[:, 1], side="left")
    ended = np.searchsorted(stops, edges[:, 0], side="right")
    return bool(((begun > ended) & (edges[:, 0] < edges[:, 1])).any())
