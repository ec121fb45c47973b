"""Gaps in the inputs: short ones are carried forward, longer ones end the sequence or are left to a mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.align.search import Index

Flags = NDArray[np.bool_]


def run_starts(series: Index, covered: Flags) -> Index:
    """For each step the first step of its run: consecutive covered steps of one series. n where not covered."""
    n = len(series)
    begins = covered.copy()
    begins[1:] &= ~covered[:-1] | (series[1:] != series[:-1])
    start = np.maximum.accumulate(np.where(begins, np.arange(n), 0))
    return np.where(covered, start, n)


def carried_from(missing: Flags, run_start: Index, limit: int) -> Index:
    """For each step the step whose value stands there: itself, or up to `limit` steps before; -1 where none.

    A gap longer than `limit` is carried so far and then is a gap: whether a step has a value must not
    depend on when the gap ends, which its origin cannot know. Nothing is carried across a run's start.
    """
    steps = np.arange(len(missing))
    source = np.maximum.accumulate(np.where(missing, -1, steps))
    holds = (source >= run_start) & (steps - source <= limit)
    return np.where(holds, source, -1)


def sequences_of(series: Index, kept: Flags) -> NDArray[np.int64]:
    """The longest runs of kept steps of one series as [start, stop) pairs (k, 2), in order."""
    parted = ~kept[1:] | ~kept[:-1] | (series[1:] != series[:-1])
    begins, ends = kept.copy(), kept.copy()
    begins[1:] &= parted
    ends[:-1] &= parted
    return np.stack([np.flatnonzero(begins), np.flatnonzero(ends) + 1], axis=1)
