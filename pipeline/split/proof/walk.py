"""Going through a data set sequence by sequence, padding left behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.split.moments import text_of
from hindcast.pipeline.store.reader import Dataset

_LONGEST = 1 << 15  # steps held at a time


@dataclass(frozen=True)
class Stretch:
    """Consecutive samples [first, stop) of one sequence; `times` are those of their `len(times)` real steps."""

    dataset: Dataset
    group: str
    series: str
    track: int
    first: int
    stop: int
    times: npt.NDArray[np.int64]

    def read(self, name: str) -> npt.NDArray[Any]:
        """An array of the data set, (step, ...)."""
        samples = self.dataset.read(name, np.arange(self.first, self.stop))
        length, *rest = samples.shape[1:]  # not -1: of no forecast sources there are no numbers to divide
        return samples.reshape(len(samples) * length, *rest)[: len(self.times)]

    def step(self, place: int) -> str:
        """Words for one of the steps."""
        return f"{self.group}/{self.series} track {self.track} at {text_of(int(self.times[place]))}"

    def sample_of(self, place: int) -> int:
        """The sample that holds one of the steps."""
        return self.first + place // self.dataset.segment_length


def stretches(dataset: Dataset) -> Iterator[Stretch]:
    """All steps of a data set, a bounded number at a time, in the order of the file."""
    for row in range(len(dataset.sequences)):
        yield from stretches_of(dataset, row)


def stretches_of(dataset: Dataset, row: int) -> Iterator[Stretch]:
    """All steps of one sequence, a bounded number at a time."""
    table, length = dataset.sequences, dataset.segment_length
    begin, steps, first = (
        int(column[row]) for column in (table.start_time, table.step_count, table.first_sample)
    )
    longest = max(1, _LONGEST // length) * length
    for done in range(0, steps, longest):
        count = min(longest, steps - done)
        yield Stretch(
            dataset=dataset,
            group=str(table.group[row]),
            series=str(table.series[row]),
            track=int(table.track[row]),
            first=first + done // length,
            stop=first + -(-(done + count) // length),
            times=begin + np.arange(done, done + count) * dataset.frequency,
        )
