"""The steps of all samples, as passed to a policy: their times, and a callable that reads the stored arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import TIME_MAX, TIME_MIN, Flags, Ints
from hindcast.pipeline.store.index_types import Sequences, Split, played_samples

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
    for samples in steps.blocks(steps.played(split)):
        yield samples, flag_scored(split, steps.times(samples), steps.stop[samples])


def scored_by_sequence(steps: Steps, split: Split) -> Ints:
    """Return the number of scored steps (inside an interval, at least one target with weight) of each sequence."""
    counts = np.zeros(len(steps.sequences), np.int64)
    for samples, inside in iter_scored(steps, split):
        scored = inside & (steps.read("W", samples) > 0).any(axis=2)
        np.add.at(counts, steps.sequence[samples], scored.sum(axis=1))
    return counts
