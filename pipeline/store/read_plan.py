"""Which chunk holds which of the requested samples: pure arithmetic that opens no file."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.store.index_types import Shards


@dataclass(frozen=True)
class ChunkRead:
    """One chunk to read and what to take from it.

    Samples `[start, stop)` of shard number `shard` are read whole; those at `offsets` (ascending) within them go to the
    places `places` of the answer.
    """

    shard: int
    start: int
    stop: int
    offsets: Ints
    places: Ints

    def copy(self, chunk: NDArray[Any], answer: NDArray[Any]) -> None:
        """Copy the requested samples of the chunk into the answer."""
        rows, places = self._slices
        if rows is None or places is None:  # a sample as one item, which numpy moves faster than its numbers
            chunk, answer = _samples_as_items(chunk), _samples_as_items(answer)
        taken = chunk.take(self.offsets) if rows is None else chunk[rows]
        answer[self.places if places is None else places] = taken

    @cached_property
    def _slices(self) -> tuple[slice | None, slice | None]:
        """Offsets and places as slices, each None where its numbers do not follow one another."""
        return _as_slice(self.offsets), _as_slice(self.places)

    @property
    def takes_all(self) -> bool:
        """Whether every sample of the chunk is requested, and none twice."""
        return len(self.offsets) == self.stop - self.start == int(self.offsets[-1]) + 1


class RecentPlans:
    """The plans of the last reads: a reader of several arrays asks for the same samples of each."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._recent: deque[tuple[Ints, list[ChunkRead]]] = deque(maxlen=4)

    def plan_reads(self, samples: Ints) -> list[ChunkRead]:
        """As the function `plan_reads`."""
        for planned, reads in tuple(self._recent):
            if np.array_equal(planned, samples):
                return reads
        reads = list(plan_reads(self._shards, samples))
        self._recent.append((samples.copy(), reads))
        return reads


def plan_reads(shards: Shards, samples: Ints) -> Iterator[ChunkRead]:
    """The chunks that hold `samples` (any order, repeats allowed), each once, in the order of the shards.

    Every place of the answer is in exactly one read. Samples must lie in range.
    """
    order = np.argsort(samples)  # repeats in whatever order: each has its own place
    ascending = samples[order]
    shard = np.searchsorted(shards.first_sample, ascending, side="right") - 1
    within, offset = np.divmod(ascending - shards.first_sample[shard], shards.chunk_samples[shard])
    counts = shards.chunk_counts
    chunk = (np.cumsum(counts) - counts)[shard] + within
    heads = np.flatnonzero(np.diff(chunk, prepend=-1))
    for head, end in pairwise([*heads.tolist(), len(chunk)]):
        number = int(shard[head])
        start = int(within[head] * shards.chunk_samples[number])
        stop = min(start + int(shards.chunk_samples[number]), int(shards.sample_count[number]))
        yield ChunkRead(number, start, stop, offset[head:end], order[head:end])


def _samples_as_items(values: NDArray[Any]) -> NDArray[Any]:
    """A contiguous array as a flat one with an opaque item for each sample; a view."""
    return values.reshape(len(values), -1).view(f"V{values.nbytes // len(values)}").reshape(-1)


def _as_slice(numbers: Ints) -> slice | None:
    """Numbers that follow one another as a slice, which numpy copies in one go."""
    first, last = int(numbers[0]), int(numbers[-1])
    if last - first + 1 != len(numbers) or (np.diff(numbers) != 1).any():
        return None
    return slice(first, last + 1)
