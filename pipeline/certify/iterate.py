"""Iteration over a data set: slices of its sequences without padding, and its sets of splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Flags, Times
from hindcast.pipeline.certify.expected_splits import EXPECTATIONS
from hindcast.pipeline.settings.split import RollingOrigin, SplitSettings
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

PART_NAMES = ("train", "validation", "test")

_LONGEST = 1 << 15  # steps in memory at a time


class BlockReader:
    """Reads ranges of samples in ascending order: short ranges are parts of one larger read, one per array.

    With a read per sequence, most of the time of a check of many short sequences went into the calls.
    """

    def __init__(self, dataset: Dataset, longest: int = _LONGEST) -> None:
        """Read at least `longest` steps at once; with 0, exactly the samples that are asked for."""
        self.dataset = dataset
        self._longest = longest // dataset.segment_length
        self._blocks: dict[str, tuple[int, npt.NDArray[Any]]] = {}  # name -> (first sample, samples)

    def read(self, name: str, first: int, stop: int) -> npt.NDArray[Any]:
        """Return samples [first, stop) of an array; the answer must not be changed, since later reads may share it."""
        start, block = self._blocks.get(name, (0, None))
        if block is None or first < start or stop > start + len(block):
            start, end = first, max(stop, min(first + self._longest, self.dataset.sample_count))
            block = self.dataset.read(name, np.arange(start, end))
            self._blocks[name] = (start, block)
        return block[first - start : stop - start]


@dataclass(frozen=True)
class SequenceSlice:
    """Consecutive samples [first, stop) of one sequence; `times` has one entry per real step."""

    dataset: Dataset
    reader: BlockReader
    group: str
    series: str
    track: int
    first: int
    stop: int
    times: Times

    def read(self, name: str) -> npt.NDArray[Any]:
        """Return these steps of an array of the data set: (step, ...)."""
        samples = self.reader.read(name, self.first, self.stop)
        length, *rest = samples.shape[1:]  # not -1: without forecast sources the size is 0
        return samples.reshape(len(samples) * length, *rest)[: len(self.times)]

    def label(self, place: int) -> str:
        """Return series, track and time of the step at index `place`, for a message."""
        return f"{self.group}/{self.series} track {self.track} at {time_text(int(self.times[place]))}"

    def sample_of(self, place: int) -> int:
        """Return the sample that contains the step at index `place`."""
        return self.first + place // self.dataset.segment_length


def iter_sequences(dataset: Dataset) -> Iterator[SequenceSlice]:
    """Yield all steps of a data set in slices of bounded length, in the order of the file."""
    reader = BlockReader(dataset)
    for row in range(len(dataset.sequences)):
        yield from iter_slices(dataset, row, reader)


def iter_slices(dataset: Dataset, row: int, reader: BlockReader | None = None) -> Iterator[SequenceSlice]:
    """Yield all steps of one sequence in slices of bounded length; without a `reader`, only its own samples are read."""
    reader = reader or BlockReader(dataset, 0)
    table, length = dataset.sequences, dataset.segment_length
    begin, steps, first = (
        int(column[row]) for column in (table.start_time, table.step_count, table.first_sample)
    )
    longest = max(1, _LONGEST // length) * length
    for done in range(0, steps, longest):
        count = min(longest, steps - done)
        yield SequenceSlice(
            dataset=dataset,
            reader=reader,
            group=str(table.group[row]),
            series=str(table.series[row]),
            track=int(table.track[row]),
            first=first + done // length,
            stop=first + -(-(done + count) // length),
            times=begin + np.arange(done, done + count) * dataset.frequency,
        )


@dataclass(frozen=True)
class SplitSet:
    """Training, validation and test; `fold` is None for the main splits, which are used for training."""

    fold: int | None
    splits: tuple[Split, Split, Split]

    @property
    def label(self) -> str:
        """The prefix of the names of its splits."""
        return "" if self.fold is None else f"folds/{self.fold}/"


def iter_split_sets(dataset: Dataset, settings: SplitSettings) -> Iterator[SplitSet]:
    """Yield the sets that the settings request and that are complete in the data set."""
    folds = range(settings.folds) if isinstance(settings, RollingOrigin) else ()
    for fold in (None, *folds):
        names = split_names(fold)
        if all(name in dataset.splits for name in names):
            train, validation, test = (dataset.split(name) for name in names)
            yield SplitSet(fold, (train, validation, test))


def split_names(fold: int | None) -> tuple[str, ...]:
    """Return the names of the splits of a fold, or of the main splits."""
    return PART_NAMES if fold is None else tuple(f"folds/{fold}/{name}" for name in PART_NAMES)


def scored_in(split: Split, piece: SequenceSlice) -> Flags:
    """Flag the steps of a slice that a split scores, regardless of weights: the steps inside its ranges. If the policy does
    not split time, they must also belong to samples of the split.
    """
    inside = np.zeros(len(piece.times), bool)
    for start, stop in split.spans:
        first, last = np.searchsorted(piece.times, [start, stop])
        inside[first:last] = True
    policy = split.attributes.get("policy")
    if policy not in EXPECTATIONS or not EXPECTATIONS[policy].is_of_time:
        sample = piece.first + np.arange(len(piece.times)) // piece.dataset.segment_length
        inside &= np.isin(sample, split.indices)
    return inside
