"""Iteration over a data set: blocks of its steps without padding, and its sets of splits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Flags, Ints, Times
from hindcast.pipeline.certify.expected_splits import EXPECTATIONS
from hindcast.pipeline.settings.split import RollingOrigin, SplitSettings
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

PART_NAMES = ("train", "validation", "test")

_MOST_NUMBERS = 1 << 22  # of one array in memory at a time: 16 MiB of X


@dataclass(frozen=True)
class StepBlock:
    """The n real steps of some samples, ascending; padding is left out."""

    dataset: Dataset
    samples: Ints  # (k,)
    real: Flags  # (k, segment_length) whether a step is real
    row: Ints  # (n,) row of the table of sequences
    sample: Ints  # (n,)
    times: Times  # (n,)
    _arrays: dict[str, npt.NDArray[Any]] = field(default_factory=dict)
    _steps: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, dataset: Dataset, samples: Ints) -> StepBlock:
        """Return the steps of samples."""
        table, length = dataset.sequences, dataset.segment_length
        row = np.searchsorted(table.first_sample, samples, side="right") - 1
        skipped = (samples - table.first_sample[row]) * length
        real = np.arange(length) < (table.step_count[row] - skipped)[:, None]
        begin = table.start_time[row] + skipped * dataset.frequency
        times = (begin[:, None] + np.arange(length) * dataset.frequency)[real]
        counts = real.sum(axis=1)
        return cls(dataset, samples, real, np.repeat(row, counts), np.repeat(samples, counts), times)

    @property
    def is_full(self) -> bool:
        """Return whether there is no padding."""
        return len(self.times) == self.real.size

    def stored(self, name: str) -> npt.NDArray[Any]:
        """Return an array of the samples, padding included: (k, segment_length, ...)."""
        if name not in self._arrays:
            self._arrays[name] = self.dataset.read(name, self.samples)
        return self._arrays[name]

    def read(self, name: str) -> npt.NDArray[Any]:
        """Return an array of the steps: (n, ...); it must not be changed, since later reads share it."""
        if name not in self._steps:
            stored = self.stored(name)
            flat = stored.reshape(self.real.size, *stored.shape[2:])
            self._steps[name] = flat if self.is_full else flat[np.flatnonzero(self.real)]
        return self._steps[name]

    def label(self, place: int) -> str:
        """Return series, track and time of the step at index `place`, for a message."""
        table, row = self.dataset.sequences, self.row[place]
        name = f"{table.group[row]}/{table.series[row]} track {table.track[row]}"
        return f"{name} at {time_text(int(self.times[place]))}"


def iter_blocks(
    dataset: Dataset, samples: Ints | None = None, width: int | None = None
) -> Iterator[StepBlock]:
    """Yield the steps of all samples, or of some, in blocks of bounded size, in the order of the file.

    `width` is how many numbers per step the caller reads at once: those of X, if it is not given.
    """
    wanted = np.arange(dataset.sample_count) if samples is None else samples
    numbers = max(1, len(dataset.features) if width is None else width) * dataset.segment_length
    most = max(1, _MOST_NUMBERS // numbers)
    for start in range(0, len(wanted), most):
        yield StepBlock.of(dataset, wanted[start : start + most])


def samples_of(dataset: Dataset, rows: Ints) -> Ints:
    """Return the samples of rows of the table of sequences, in the order of the rows."""
    first, count = dataset.sequences.first_sample[rows], dataset.sequences.sample_count[rows]
    before = np.cumsum(count) - count
    return np.repeat(first - before, count) + np.arange(count.sum())


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


def scored_in(split: Split, block: StepBlock) -> Flags:
    """Flag the steps of a block that a split scores, regardless of weights: the steps inside its ranges. If the policy does
    not split time, they must also belong to samples of the split.
    """
    inside = range_of(split.spans, block.times) >= 0
    policy = split.attributes.get("policy")
    if policy not in EXPECTATIONS or not EXPECTATIONS[policy].is_of_time:
        at = np.searchsorted(split.indices, block.sample)  # `split_lists` checks that they ascend
        inside &= np.append(split.indices, -1)[at] == block.sample
    return inside


def range_of(ranges: Sequence[tuple[int, int]], times: Times) -> Ints:
    """Return, for each time, the index of the range [start, stop) that holds it; -1 if none does.

    The ranges of a split do not overlap: `borders` checks that.
    """
    if not ranges:
        return np.full(len(times), -1)
    starts, stops = np.array(ranges, np.int64).T
    order = np.argsort(starts, kind="stable")
    at = order[np.searchsorted(starts[order], times, side="right") - 1]
    held: Ints = np.where((starts[at] <= times) & (times < stops[at]), at, -1)
    return held
