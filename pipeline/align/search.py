"""Searching many sorted blocks of one array at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.align.types import Moments

Index = NDArray[np.int64]


def last_at_most(ascending: Moments, start: Index, stop: Index, wanted: Moments) -> Index:
    """For each i the last place in [start[i], stop[i]) whose value is <= wanted[i]; start[i] - 1 where none is.

    Each block of `ascending` must be sorted; blocks may be empty. One halving serves all blocks.
    """
    low, high = start.copy(), stop.copy()
    longest = int((high - low).max(initial=0))
    for _ in range(longest.bit_length()):
        middle = (low + high) >> 1
        # where a block is used up, middle == high: it may lie past the array's end and is not taken
        small = (middle < high) & (ascending.take(middle, mode="clip") <= wanted)
        low = np.where(small, middle + 1, low)
        high = np.where(small, high, middle)
    return low - 1


def block_starts(ascending: Index, blocks: int) -> Index:
    """Starts (blocks + 1,) of the runs of 0, 1, ... blocks - 1 in a sorted array of block numbers."""
    if len(ascending) and ascending[0] < 0:  # what lies in no block stands first
        ascending = ascending[np.searchsorted(ascending, 0) :]
    return np.concatenate([[0], np.cumsum(np.bincount(ascending, minlength=blocks))])


def is_sorted(*keys: NDArray[np.int64]) -> bool:
    """Whether rows ascend by the keys, the first one the most important."""
    tied: NDArray[np.bool_] | None = None
    for key in keys:
        falls = key[1:] < key[:-1]
        if (falls if tied is None else falls & tied).any():
            return False
        same = key[1:] == key[:-1]
        tied = same if tied is None else same & tied
        if not tied.any():
            return True
    return True
