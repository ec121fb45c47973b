"""The scored rows of a split: every (sequence, step) that counts, whatever plays it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.feed.runs import Ints, played_samples, scored_steps, sequence_of
from hindcast.pipeline.feed.source import Source, grid_of

_BLOCK_BYTES = 32 << 20  # weights read at a time: bounds memory, far above what a read costs


@dataclass(frozen=True)
class Rows:
    """Scored rows in order (sequence, step); all arrays have one entry a row.

    `step` counts from the sequence's start, `offset` from the sample's; `time` is the step's start in ns UTC.
    """

    sequence: npt.NDArray[np.int32]
    step: Ints
    sample: Ints
    offset: npt.NDArray[np.int32]
    time: Ints

    def __len__(self) -> int:
        return len(self.sequence)

    def take(self, places: Ints) -> Rows:
        """The rows at `places`, in that order."""
        return Rows(
            self.sequence[places],
            self.step[places],
            self.sample[places],
            self.offset[places],
            self.time[places],
        )

    def parted(self, keys: npt.NDArray[np.int32]) -> dict[int, Rows]:
        """The rows of each key (a key a row), in their order; keys ascend."""
        order = np.argsort(keys, kind="stable")
        found, first = np.unique(keys[order], return_index=True)
        return {
            int(key): self.take(places)
            for key, places in zip(found, np.split(order, first[1:]), strict=True)
            if len(places)
        }


def scored_rows(dataset: Source, split: str) -> Rows:
    """The rows of a split with `from_time <= time < until_time` and a weight above 0 for any target."""
    grid, sequences, part = grid_of(dataset), dataset.sequences, dataset.split(split)
    samples = played_samples(sequences, part, grid)
    found = [
        _weighted(dataset, block) & scored_steps(sequences, part, grid, block)
        for block in _blocks(samples, grid.segment_length)
    ]
    place, offset = np.nonzero(np.concatenate([np.zeros((0, grid.segment_length), bool), *found]))
    sample = samples[place]
    sequence = sequence_of(sequences, sample)
    step = (sample - sequences.first_sample[sequence]) * grid.segment_length + offset
    time = sequences.start_time[sequence] + step * grid.frequency
    return Rows(sequence.astype(np.int32), step, sample, offset.astype(np.int32), time)


def _weighted(dataset: Source, samples: Ints) -> npt.NDArray[np.bool_]:
    weighted: npt.NDArray[np.bool_] = np.any(dataset.read("W", samples) > 0, axis=2)
    return weighted


def _blocks(samples: Ints, segment_length: int) -> list[Ints]:
    length = max(1, _BLOCK_BYTES // (8 * segment_length))
    return [samples[start : start + length] for start in range(0, len(samples), length)]
