"""Which chunk holds which of the samples asked for: pure arithmetic, no file is touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.store.types import Ints


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
class Pick:
    """What one chunk gives: samples `[start, stop)` of file `part` are read whole, and of them those at
    `offsets` go to the places `places` of the answer.
    """

    part: int
    start: int
    stop: int
    offsets: Ints
    places: Ints


def picks(parts: Parts, samples: Ints) -> Iterator[Pick]:
    """The chunks that hold `samples` (any order, repeats allowed), each once, in the order of the file.

    Every place of the answer is in exactly one pick. Samples must lie in range.
    """
    part = np.searchsorted(parts.first_sample, samples, side="right") - 1
    local = samples - parts.first_sample[part]
    within, offset = np.divmod(local, parts.chunk_samples[part])
    counts = parts.chunk_counts
    chunk = (np.cumsum(counts) - counts)[part] + within
    order = np.argsort(chunk, kind="stable")
    heads = np.flatnonzero(np.diff(chunk[order], prepend=-1))
    for places in np.split(order, heads[1:]) if len(order) else ():
        one = places[0]
        start = int(within[one] * parts.chunk_samples[part[one]])
        stop = min(start + int(parts.chunk_samples[part[one]]), int(parts.sample_count[part[one]]))
        yield Pick(int(part[one]), start, stop, offset[places], places)
