"""The index of a data set: its sequences, shards and splits, and which samples hold the scored steps of a split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Flags, Ints, Names


@dataclass(frozen=True)
class Sequences:
    """The table `/sequences`: one entry per sequence in each array, ordered by (group, series, track, start_time).

    The samples of row i are `[first_sample[i], first_sample[i] + sample_count[i])`. Its `step_count[i]` steps begin at
    `start_time[i]` (ns UTC) and are `frequency` apart; the rest of its last sample is padding.
    """

    group: Names
    series: Names
    track: Ints
    start_time: Ints
    first_sample: Ints
    sample_count: Ints
    step_count: Ints

    def __len__(self) -> int:
        return len(self.first_sample)


@dataclass(frozen=True)
class Shards:
    """The table `/shards` of a data set: one entry per shard in each array, in the order of the samples.

    `file` is relative to the data set's folder; `chunk_samples` is the number of samples in a chunk.
    """

    file: Names
    group: Names
    fingerprint: Names
    first_sample: Ints
    sample_count: Ints
    chunk_samples: Ints

    def __len__(self) -> int:
        return len(self.first_sample)

    @property
    def chunk_counts(self) -> Ints:
        """How many chunks each shard holds; the last one may be shorter."""
        return -(-self.sample_count // self.chunk_samples)


@dataclass(frozen=True)
class Split:
    """The samples of one part of the data, ascending, and the half-open time range [from_time, until_time) in
    which their steps are scored (ns UTC). `attributes` are plain numbers and texts: policy, seed, counts.

    If the scored steps have gaps in time, `intervals` are the ranges [start, stop) that hold them, ascending and
    disjoint, inside [from_time, until_time); otherwise it is empty. `within` are ranges of the same form outside of which no
    step is scored although its sample is played; None: no such limit.
    """

    name: str
    indices: Ints
    from_time: int
    until_time: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    intervals: tuple[tuple[int, int], ...] = ()
    within: tuple[tuple[int, int], ...] | None = None

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The ranges [start, stop) of the scored steps: `intervals`, or the whole range."""
        return self.intervals or ((self.from_time, self.until_time),)

    def holds(self, times: Ints) -> Flags:
        """Return whether the steps that start at `times` (any shape) lie in a scored range."""
        is_held = _inside(self.spans, times)
        return is_held if self.within is None else is_held & _inside(self.within, times)

    def reaches(self, start: Ints, stop: Ints) -> Flags:
        """Return whether each of the ranges [start, stop), none of them empty, overlaps a scored range."""
        begins, ends = np.array(self.spans, np.int64).T
        span = np.searchsorted(ends, start, side="right").clip(max=len(ends) - 1)
        overlaps: Flags = (begins[span] < stop) & (ends[span] > start) & (begins[span] < ends[span])
        return overlaps


def _inside(ranges: tuple[tuple[int, int], ...], times: Ints) -> Flags:
    """Return whether times lie in ascending, disjoint ranges [start, stop)."""
    is_inside: Flags = np.searchsorted(np.array(ranges, np.int64).ravel(), times, side="right") % 2 == 1
    return is_inside


def played_samples(sequences: Sequences, split: Split, segment_length: int, frequency: int) -> Ints:
    """Return all samples that hold scored steps of a split, ascending: the listed samples and the straddlers.

    A straddler has steps, not only padding, on both sides of `until_time`, and is listed in a later split or in none.
    The split that plays the samples before it also plays its steps before `until_time`, so that the scored steps do
    not depend on `segment_length` (steps per sample; `frequency` is ns per step). A split with intervals plays every
    sample that reaches one of them.
    """
    span = segment_length * frequency
    start = np.asarray(sequences.start_time, np.int64)
    end = start + np.asarray(sequences.step_count, np.int64) * frequency  # without padding
    if split.intervals:
        row = np.repeat(np.arange(len(sequences)), sequences.sample_count)
        begin = start[row] + (np.arange(len(row)) - sequences.first_sample[row]) * span
        last = (
            np.minimum(begin + span, end[row]) - frequency
        )  # a step belongs to the interval in which it starts
        return np.flatnonzero(split.reaches(begin, last + 1))
    listed = np.asarray(split.indices, np.int64)
    inside = np.clip(split.until_time, start, end) - start  # clipped: until_time may be the largest integer
    position, rest = np.divmod(inside, span)
    sample = sequences.first_sample + position
    is_crossed = (rest > 0) & (inside < end - start) & (split.until_time > split.from_time)
    # The sample before a straddler is in this split, unless there is none: at the start of the sequence or of the split.
    follows = np.isin(sample - 1, listed) & (position > 0)
    begins = (position == 0) | (start + position * span < split.from_time + frequency)
    straddlers = sample[is_crossed & (follows | begins) & ~np.isin(sample, listed)]
    return np.sort(np.concatenate([listed, straddlers])) if len(straddlers) else listed
