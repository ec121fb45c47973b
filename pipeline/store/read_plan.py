"""Which chunk holds which of the samples asked for: pure arithmetic, no file is touched."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.store.index_types import Ints


@dataclass(frozen=True)
class Parts:
    """Files whose samples follow one another; all arrays have one entry a file.

    File i holds the samples `[first_sample[i], first_sample[i] + sample_count[i])` in chunks of
    `chunk_samples[i]`, the last of which may be shorter.
    """

    first_sample: Ints
    sample_count: Ints
    chunk_samples: Ints

    @property
    def chunk_counts(self) -> Ints:
        """How many chunks each file holds."""
        return -(-self.sample_count // self.chunk_samples)


@dataclass(frozen=True)
class ChunkRead:
    """What one chunk gives: samples `[start, stop)` of file `part` are read whole, and of them those at
    `offsets` (ascending) go to the places `places` of the answer.
    """

    part: int
    start: int
    stop: int
    offsets: Ints
    places: Ints

    def copy(self, chunk: NDArray[Any], answer: NDArray[Any]) -> None:
        """Bring what was picked of a chunk into the answer."""
        rows, places = self._runs
        if rows is None or places is None:  # a sample as one item, which numpy moves faster than its numbers
            chunk, answer = _samples_of(chunk), _samples_of(answer)
        picked = chunk.take(self.offsets) if rows is None else chunk[rows]
        answer[self.places if places is None else places] = picked

    @cached_property
    def _runs(self) -> tuple[slice | None, slice | None]:
        """Offsets and places, where they follow one another."""
        return _as_slice(self.offsets), _as_slice(self.places)

    @property
    def takes_all(self) -> bool:
        """Whether every sample of the chunk is wanted, and none twice."""
        return len(self.offsets) == self.stop - self.start == int(self.offsets[-1]) + 1


class RecentPlans:
    """The plans of the last reads: who reads several arrays asks for the same samples of each."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._last: deque[tuple[Ints, list[ChunkRead]]] = deque(maxlen=4)

    def plan_reads(self, samples: Ints) -> list[ChunkRead]:
        """As the function `plan_reads`."""
        for asked, found in tuple(self._last):
            if np.array_equal(asked, samples):
                return found
        made = list(plan_reads(self._parts, samples))
        self._last.append((samples.copy(), made))
        return made


def plan_reads(parts: Parts, samples: Ints) -> Iterator[ChunkRead]:
    """The chunks that hold `samples` (any order, repeats allowed), each once, in the order of the file.

    Every place of the answer is in exactly one pick. Samples must lie in range.
    """
    order = np.argsort(samples)  # repeats in whatever order: each has its own place
    ascending = samples[order]
    part = np.searchsorted(parts.first_sample, ascending, side="right") - 1
    within, offset = np.divmod(ascending - parts.first_sample[part], parts.chunk_samples[part])
    counts = parts.chunk_counts
    chunk = (np.cumsum(counts) - counts)[part] + within
    heads = np.flatnonzero(np.diff(chunk, prepend=-1))
    for head, end in pairwise([*heads.tolist(), len(chunk)]):
        file = int(part[head])
        start = int(within[head] * parts.chunk_samples[file])
        stop = min(start + int(parts.chunk_samples[file]), int(parts.sample_count[file]))
        yield ChunkRead(file, start, stop, offset[head:end], order[head:end])


def _samples_of(values: NDArray[Any]) -> NDArray[Any]:
    """An array without gaps as a flat one of an opaque item a sample; a view."""
    return values.reshape(len(values), -1).view(f"V{values.nbytes // len(values)}").reshape(-1)


def _as_slice(rows: Ints) -> slice | None:
    """Rows that follow one another as a slice, which numpy copies in one go."""
    first, last = int(rows[0]), int(rows[-1])
    if last - first + 1 != len(rows) or (np.diff(rows) != 1).any():
        return None
    return slice(first, last + 1)
