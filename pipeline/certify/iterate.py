"""Going through a data set sequence by sequence, padding left behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.settings.split import RollingOrigin, SplitSettings
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset
from hindcast.pipeline.wording import time_text

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
        return f"{self.group}/{self.series} track {self.track} at {time_text(int(self.times[place]))}"

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


NAMES = ("train", "validation", "test")


_OF_TIME = ("chronological", "rolling_origin", "blocked")


@dataclass(frozen=True)
class Trio:
    """Training, validation and test; `fold` is None for those that this data set is trained by."""

    fold: int | None
    splits: tuple[Split, Split, Split]

    @property
    def label(self) -> str:
        """What stands before the name of one of its splits."""
        return "" if self.fold is None else f"folds/{self.fold}/"


def trios(dataset: Dataset, settings: SplitSettings) -> Iterator[Trio]:
    """Those that the settings ask for and the data set has whole."""
    folds = range(settings.folds) if isinstance(settings, RollingOrigin) else ()
    for fold in (None, *folds):
        names = names_of(fold)
        if all(name in dataset.splits for name in names):
            train, validation, test = (dataset.split(name) for name in names)
            yield Trio(fold, (train, validation, test))


def names_of(fold: int | None) -> tuple[str, ...]:
    """The names of the splits of a fold, or of the data set itself."""
    return NAMES if fold is None else tuple(f"folds/{fold}/{name}" for name in NAMES)


def is_of_time(settings: SplitSettings) -> bool:
    """Whether the policy splits time, one for all series: then samples across a border are played on both sides."""
    return settings.policy in _OF_TIME


def scored_in(split: Split, stretch: Stretch) -> npt.NDArray[np.bool_]:
    """Which steps of a stretch a split scores, weights not looked at: those inside its ranges, and, where the policy
    does not split time, of its own samples.
    """
    inside = np.zeros(len(stretch.times), bool)
    for start, stop in split.spans:
        first, last = np.searchsorted(stretch.times, [start, stop])
        inside[first:last] = True
    if split.attributes.get("policy") not in _OF_TIME:
        sample = stretch.first + np.arange(len(stretch.times)) // stretch.dataset.segment_length
        inside &= np.isin(sample, split.indices)
    return inside
