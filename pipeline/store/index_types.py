"""The index of a data set beside its arrays: its sequences, shards and splits, and which samples a split plays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hindcast.pipeline.arrays import Flags, Ints, Names


@dataclass(frozen=True)
class Sequences:
    """The table `/sequences`: one entry a sequence in each array, ordered by (group, series, track, start_time).

    The samples of row i are `[first_sample[i], first_sample[i] + sample_count[i])`; its steps begin at
    `start_time[i]` (ns UTC), are `frequency` apart and number `step_count[i]`: what the last sample holds
    beyond them is padding.
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
    """The table `/shards` of a data set: one entry a shard in each array, in the order of the samples.

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
    """Samples of one part of the data, ascending, and the half-open time range [from_time, until_time) in
    which their steps are scored (ns UTC). `attributes` are plain numbers and texts: policy, seed, counts.

    Where the scored steps have gaps in time, `intervals` are the ranges [start, stop) that hold them, ascending and
    disjoint, inside [from_time, until_time); elsewhere it is empty.
    """

    name: str
    indices: Ints
    from_time: int
    until_time: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    intervals: tuple[tuple[int, int], ...] = ()

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The ranges [start, stop) of the scored steps: `intervals`, or the whole range."""
        return self.intervals or ((self.from_time, self.until_time),)

    def holds(self, times: Ints) -> Flags:
        """Whether steps that start at `times` (any shape) lie in a scored range."""
        edges = np.array(self.spans, np.int64).ravel()
        held: Flags = np.searchsorted(edges, times, side="right") % 2 == 1
        return held

    def reaches(self, start: Ints, stop: Ints) -> Flags:
        """Whether the ranges [start, stop), none of them empty, meet a scored range."""
        begins, ends = np.array(self.spans, np.int64).T
        place = np.searchsorted(ends, start, side="right").clip(max=len(ends) - 1)
        met: Flags = (begins[place] < stop) & (ends[place] > start) & (begins[place] < ends[place])
        return met


def played_samples(sequences: Sequences, split: Split, segment_length: int, frequency: int) -> Ints:
    """Every sample that holds scored steps of a split, ascending: the listed samples and the straddlers.

    A straddler has real steps on both sides of `until_time` and is listed in a later split, or in none. The split that
    plays the samples before it also plays its steps before `until_time`; so the scored steps do not depend on
    `segment_length` (steps per sample; `frequency` is ns per step). Of a split with intervals, every sample that
    reaches one of them is played.
    """
    span = segment_length * frequency
    start = np.asarray(sequences.start_time, np.int64)
    end = start + np.asarray(sequences.step_count, np.int64) * frequency  # padding is not a step
    if split.intervals:
        row = np.repeat(np.arange(len(sequences)), sequences.sample_count)
        begin = start[row] + (np.arange(len(row)) - sequences.first_sample[row]) * span
        return np.flatnonzero(split.reaches(begin, np.minimum(begin + span, end[row])))
    listed = np.asarray(split.indices, np.int64)
    inside = np.clip(split.until_time, start, end) - start  # clipped: until_time may be the largest integer
    position, rest = np.divmod(inside, span)
    sample = sequences.first_sample + position
    is_crossed = (rest > 0) & (inside < end - start) & (split.until_time > split.from_time)
    # The samples before a straddler are this split's, unless none could be: at the start of the sequence or of the split.
    follows = np.isin(sample - 1, listed) & (position > 0)
    begins = (position == 0) | (start + position * span <= split.from_time)
    straddlers = sample[is_crossed & (follows | begins) & ~np.isin(sample, listed)]
    return np.sort(np.concatenate([listed, straddlers])) if len(straddlers) else listed
