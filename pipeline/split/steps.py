"""The steps of all samples, as passed to a policy: their times, and a callable that reads the stored arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN, Flags, Ints
from hindcast.pipeline.files import digest_of_value
from hindcast.pipeline.progress import progress
from hindcast.pipeline.store.index_types import Sequences, Split, played_samples
from hindcast.pipeline.store.kept_answers import AnswersOfParts
from hindcast.pipeline.store.threads import default_thread_count

Read = Callable[[str, Ints], npt.NDArray[Any]]
"""`read(name, samples)` returns these samples of an array such as `origin`: (sample, step, ...)."""

_STEPS_PER_BLOCK = 1 << 16  # half a MiB per column of 8-byte values; the scaler sums block by block


@dataclass(frozen=True)
class Steps:
    """Sequences cut into samples of `segment_length` steps of `frequency` ns; times are int64 ns UTC.

    `first_target_time` and `last_target_time` are the starts of the first and last observed target step.
    """

    sequences: Sequences
    segment_length: int
    frequency: int
    first_target_time: int
    last_target_time: int
    read: Read
    has_flagged: bool = False  # whether there is the array `flagged`
    first_of_groups: tuple[int, ...] = (0,)  # the first sequence of each group
    answers: AnswersOfParts | None = None  # of earlier runs

    @cached_property
    def sequence(self) -> Ints:
        """The row of `sequences` of each sample."""
        return np.repeat(np.arange(len(self.sequences)), self.sequences.sample_count)

    @cached_property
    def start(self) -> Ints:
        """The first step of each sample."""
        place = np.arange(len(self.sequence)) - self.sequences.first_sample[self.sequence]
        start: Ints = self.sequences.start_time[self.sequence] + place * self.span
        return start

    @cached_property
    def stop(self) -> Ints:
        """The end of the last real step of each sample; padding does not count."""
        ends = self.sequences.start_time + self.sequences.step_count * self.frequency
        stop: Ints = np.minimum(self.start + self.span, ends[self.sequence])
        return stop

    @property
    def span(self) -> int:
        """The length of a full sample in ns."""
        return self.segment_length * self.frequency

    @property
    def sample_count(self) -> int:
        """The number of samples."""
        return len(self.sequence)

    @property
    def first_time(self) -> int:
        """The start of the first step of all sequences."""
        return int(self.start.min(initial=TIME_MAX))

    @property
    def end_time(self) -> int:
        """The end of the last step of all sequences, with or without a target."""
        return int(self.stop.max(initial=TIME_MIN))

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The steps of each group."""
        bounds = [*self.first_of_groups, len(self.sequences)]
        return tuple(Group.of(self, first, stop) for first, stop in pairwise(bounds))

    def ask(self, question: Callable[[Steps, Any], Any], arguments: Sequence[Any]) -> list[Any]:
        """Return `question(steps, argument)` for each group, computed in threads unless an earlier run has kept the answer.

        An argument is a JSON-like value that may contain splits, an answer a JSON-like value that is not None.
        """
        names = [f"{question.__name__} {_digest_of(argument)}" for argument in arguments]
        found = [self.answers and self.answers.find(number, name) for number, name in enumerate(names)]
        missing = [number for number, answer in enumerate(found) if answer is None]
        shown = progress("split", len(missing), "group") if self.answers else nullcontext(lambda _: None)
        with shown as advance, ThreadPoolExecutor(default_thread_count()) as pool:

            def answer(number: int) -> Any:
                computed = question(self.groups[number].steps, arguments[number])
                advance(1)
                return computed

            for number, computed in zip(missing, pool.map(answer, missing), strict=True):
                found[number] = computed
                if self.answers:
                    self.answers.add(number, names[number], computed)
        return found

    def times(self, samples: Ints) -> Ints:
        """Return the time of every step of some samples: (sample, step), padding included."""
        return self.start[samples, None] + np.arange(self.segment_length) * self.frequency

    def within(self, samples: Ints, from_time: int, until_time: int) -> Flags:
        """Flag the steps of some samples inside [from_time, until_time): (sample, step); never set for padding."""
        times = self.times(samples)
        return (times >= from_time) & (times < np.minimum(until_time, self.stop[samples])[:, None])

    def played(self, split: Split) -> Flags:
        """Flag the samples that contain scored steps of a split; see `store.index_types.played_samples`."""
        played = np.zeros(self.sample_count, bool)
        played[played_samples(self.sequences, split, self.segment_length, self.frequency)] = True
        return played

    def blocks(self, chosen: Flags) -> Iterator[Ints]:
        """Yield the chosen samples, ascending, in arrays of bounded length that may contain many sequences."""
        longest, samples = samples_per_block(self.segment_length), np.flatnonzero(chosen)
        for first in range(0, len(samples), longest):
            yield samples[first : first + longest]


@dataclass(frozen=True)
class Group:
    """The steps of one group, whose first sequence and sample have these numbers in the data set.

    In `steps` sequences and samples are counted from there.
    """

    steps: Steps
    first_sequence: int
    first_sample: int

    @classmethod
    def of(cls, steps: Steps, first: int, stop: int) -> Group:
        """Return the group of the sequences [first, stop)."""
        table = steps.sequences
        columns = {column.name: getattr(table, column.name)[first:stop] for column in fields(table)}
        sample = int(columns["sample_count"].sum() and columns["first_sample"][0])
        sequences = Sequences(**{**columns, "first_sample": columns["first_sample"] - sample})

        def read(name: str, samples: Ints) -> npt.NDArray[Any]:
            return steps.read(name, samples + sample)

        own = replace(steps, sequences=sequences, read=read, first_of_groups=(0,), answers=None)
        return cls(own, first, sample)

    def part_of(self, split: Split) -> Split:
        """Return the split with only the samples of this group."""
        bounds = (self.first_sample, self.first_sample + self.steps.sample_count)
        first, stop = np.searchsorted(split.indices, bounds)
        return replace(split, indices=split.indices[first:stop] - self.first_sample)


def samples_per_block(segment_length: int) -> int:
    """Return how many samples are read at once."""
    return max(1, _STEPS_PER_BLOCK // segment_length)


def flag_scored(split: Split, times: Ints, stop: Ints) -> Flags:
    """Flag the steps (sample, step) at `times` that a split scores: in an interval of it and before `stop` of their sample."""
    begin = times >= split.from_time
    return split.holds(times) & begin & (times < np.minimum(split.until_time, stop)[:, None])


def iter_scored(steps: Steps, split: Split) -> Iterator[tuple[Ints, Flags]]:
    """Yield the samples that a split runs through, block by block, with a flag per step (sample, step).

    The flag is set if the step lies in an interval of the split and is not padding, regardless of its weight.
    """
    (begin, end), *others = split.spans
    for samples in steps.blocks(steps.played(split)):
        start, stop = steps.start[samples], steps.stop[samples]
        flags = np.ones((len(samples), steps.segment_length), bool)
        partial = (start < begin) | (start + steps.span > np.minimum(end, stop))
        if others:
            partial[:] = True
        some = samples[partial]  # few: looking at each step of every sample costs more than reading them
        flags[partial] = flag_scored(split, steps.times(some), stop[partial])
        yield samples, flags


def scored_by_sequence(steps: Steps, splits: Sequence[Split]) -> list[Ints]:
    """Return, for each split, the number of scored steps of each sequence: inside an interval, at least one target with weight."""
    counts = steps.ask(count_scored, [[group.part_of(split) for split in splits] for group in steps.groups])
    return [
        np.concatenate([np.array(each, np.int64) for each in of_split])
        for of_split in zip(*counts, strict=True)
    ]


def count_scored(steps: Steps, splits: Sequence[Split]) -> list[list[int]]:
    """Return, for each split, the number of scored steps of each sequence of a group."""
    counts = np.zeros((len(splits), len(steps.sequences)), np.int64)
    for split, of_split in zip(splits, counts, strict=True):
        for samples, inside in iter_scored(steps, split):
            scored = inside & any_of_last(steps.read("W", samples) > 0)
            np.add.at(of_split, steps.sequence[samples], scored.sum(axis=1))
    return counts.tolist()


def any_of_last(flags: Flags) -> Flags:
    """Return whether any flag along the last axis is set."""
    # `any` takes 20 times as long along an axis of length 1
    found: Any = flags[..., 0] if flags.shape[-1] == 1 else flags.any(axis=-1)
    return np.asarray(found, bool)


def _digest_of(argument: Any) -> str:
    return digest_of_value(_plain(argument))


def _plain(argument: Any) -> Any:
    if isinstance(argument, Split):
        indices = hashlib.sha256(np.ascontiguousarray(argument.indices, "<i8").data).hexdigest()
        return [argument.from_time, argument.until_time, argument.intervals, indices]
    return [_plain(each) for each in argument] if isinstance(argument, list) else argument
