"""Planning of reads: which chunk contains which of the requested samples. Pure arithmetic that opens no file."""

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
    """One chunk to read, and which of its samples to copy.

    The chunk is samples `[start, stop)` of shard number `shard`. Its samples at `offsets` (ascending) are copied to the
    rows `rows` of the answer.
    """

    shard: int
    start: int
    stop: int
    offsets: Ints
    rows: Ints

    def copy(self, chunk: NDArray[Any], answer: NDArray[Any]) -> None:
        """Copy the requested samples of the chunk into the answer."""
        source, target = self._slices
        if (
            source is None or target is None
        ):  # a sample as one item, which numpy copies faster than its numbers
            chunk, answer = _samples_as_items(chunk), _samples_as_items(answer)
        taken = chunk.take(self.offsets) if source is None else chunk[source]
        answer[self.rows if target is None else target] = taken

    @cached_property
    def _slices(self) -> tuple[slice | None, slice | None]:
        """Offsets and rows as slices, each None if its numbers are not consecutive."""
        return _as_slice(self.offsets), _as_slice(self.rows)

    @property
    def takes_all(self) -> bool:
        """Whether every sample of the chunk is requested exactly once."""
        return len(self.offsets) == self.stop - self.start == int(self.offsets[-1]) + 1


class RecentPlans:
    """The plans of the last reads, since a reader of several arrays requests the same samples of each."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._recent: deque[tuple[Ints, list[ChunkRead]]] = deque(maxlen=4)

    def plan_reads(self, samples: Ints) -> list[ChunkRead]:
        """Return the result of the function `plan_reads`, computed unless it is one of the last."""
        for planned, reads in tuple(self._recent):
            if np.array_equal(planned, samples):
                return reads
        reads = list(plan_reads(self._shards, samples))
        self._recent.append((samples.copy(), reads))
        return reads


def plan_reads(shards: Shards, samples: Ints) -> Iterator[ChunkRead]:
    """Yield the chunks that contain `samples` (any order, repeats allowed), each once, in the order of the shards.

    Every row of the answer is in exactly one read. Samples must be in range.
    """
    order = np.argsort(samples)  # the order of repeats does not matter: each has its own row
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
    """Return a view of a contiguous array as a flat one with one opaque item per sample."""
    return values.reshape(len(values), -1).view(f"V{values.nbytes // len(values)}").reshape(-1)


def _as_slice(numbers: Ints) -> slice | None:
    """Return consecutive numbers as a slice, which numpy copies at once; None if they are not consecutive."""
    first, last = int(numbers[0]), int(numbers[-1])
    if last - first + 1 != len(numbers) or (np.diff(numbers) != 1).any():
        return None
    return slice(first, last + 1)
