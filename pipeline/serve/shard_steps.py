"""The steps of a group in a data set, found by series, track and time, or by their origin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Ints, Times
from hindcast.pipeline.feed.runs import Runs, evaluation_runs
from hindcast.pipeline.store.reader import Dataset

NONE = -1
"""In place of the number of a step that the data set does not have."""


@dataclass(frozen=True)
class ShardSteps:
    """The steps of some series of one group; a step's number counts through all samples of the data set, padding included."""

    dataset: Dataset
    rows: Ints  # of the table of sequences, ascending

    @classmethod
    def of(cls, dataset: Dataset, group: str, series: Sequence[str] | None = None) -> ShardSteps:
        """Return the steps of a group, or of some of its series; it may have none."""
        rows = np.flatnonzero(dataset.sequences.group == group)
        if series is not None:
            rows = rows[np.isin(dataset.sequences.series[rows].astype(str), series)]
        return cls(dataset, rows)

    def find(self, names: Sequence[str], series: Ints, track: int, times: Times) -> Ints:
        """Return the number of each step, given by the index of its series in `names` and its label; NONE if it is in no sequence."""
        if not len(self.rows) or not len(times):
            return np.full(len(times), NONE)
        table, frequency = self.dataset.sequences, self.dataset.frequency
        code = np.array([self._codes.get(name, NONE) for name in names], np.int64)[series]
        steps = (times - self._begin) // frequency
        key = (code * self._tracks + track) * self._span + np.clip(steps, 0, self._span - 1)
        at = np.searchsorted(self._keys, key, side="right") - 1
        row = self.rows[np.maximum(at, 0)]
        offset = times - table.start_time[row]
        inside = (
            (at >= 0) & (code != NONE) & (self._code[np.maximum(at, 0)] == code) & (table.track[row] == track)
        )
        inside &= (offset >= 0) & (offset % frequency == 0) & (offset // frequency < table.step_count[row])
        number = table.first_sample[row] * self.dataset.segment_length + offset // frequency
        return np.where(inside, number, NONE)

    def with_origin(self, origin: int, first: int, last: int) -> Ints:
        """Return the numbers of all steps with this origin and a label in [first, last], ascending."""
        table, length = self.dataset.sequences, self.dataset.segment_length
        span = length * self.dataset.frequency
        begin = np.clip((first - table.start_time[self.rows]) // span, 0, None)
        end = np.minimum((last - table.start_time[self.rows]) // span + 1, table.sample_count[self.rows])
        count = np.maximum(end - begin, 0)
        if not count.sum():
            return np.empty(0, np.int64)
        row = np.repeat(self.rows, count)
        place = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(begin, count)
        origins = self.dataset.read("origin", table.first_sample[row] + place)
        step = place[:, None] * length + np.arange(length)
        is_real = step < table.step_count[row][:, None]
        numbers = table.first_sample[row][:, None] * length + step
        return np.sort(numbers[(origins == origin) & is_real])

    def read(self, name: str, numbers: Ints) -> NDArray[Any]:
        """Return an array of the data set at the steps of these numbers: (step, ...)."""
        sample, place = np.divmod(numbers, self.dataset.segment_length)
        samples, at = np.unique(sample, return_inverse=True)
        return self.dataset.read(name, samples)[at, place]

    def steps_before(self, numbers: Ints) -> Ints:
        """Return how many steps of its sequence stand before each step."""
        table, length = self.dataset.sequences, self.dataset.segment_length
        row = np.searchsorted(table.first_sample, numbers // length, side="right") - 1
        before: Ints = numbers - table.first_sample[row] * length
        return before

    def place_of(self, number: int) -> tuple[str, int, int]:
        """Return the series, the track and the label of a step."""
        table, length = self.dataset.sequences, self.dataset.segment_length
        row = int(np.searchsorted(table.first_sample, number // length, side="right")) - 1
        offset = number - int(table.first_sample[row]) * length
        time = int(table.start_time[row]) + offset * self.dataset.frequency
        return str(table.series[row]), int(table.track[row]), time

    @cached_property
    def _names(self) -> list[str]:
        return [str(name) for name in self.dataset.sequences.series[self.rows].tolist()]

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {name: code for code, name in enumerate(dict.fromkeys(self._names))}

    @cached_property
    def _code(self) -> Ints:
        """The index of the series of each row; ascending, since sequences are in the order of series, track and time."""
        return np.array([self._codes[name] for name in self._names], np.int64)

    @cached_property
    def _tracks(self) -> int:
        return int(self.dataset.sequences.track[self.rows].max()) + 1

    @cached_property
    def _begin(self) -> int:
        return int(self.dataset.sequences.start_time[self.rows].min())

    @cached_property
    def _span(self) -> int:
        last = int(self.dataset.sequences.start_time[self.rows].max())
        longest = int(self.dataset.sequences.step_count[self.rows].max())
        return (last - self._begin) // self.dataset.frequency + longest + 1

    @cached_property
    def _keys(self) -> Ints:
        table = self.dataset.sequences
        steps = (table.start_time[self.rows] - self._begin) // self.dataset.frequency
        keys: Ints = (self._code * self._tracks + table.track[self.rows]) * self._span + steps
        return keys


@dataclass(frozen=True)
class PlayedRuns:
    """The runs that the evaluation of a split plays in mode stateful, each from a state of zero."""

    dataset: Dataset
    runs: Runs  # in the order of their first scored samples

    @classmethod
    def of(cls, dataset: Dataset, split: str, context: int) -> PlayedRuns:
        """Return the runs of a split."""
        runs = evaluation_runs(dataset, dataset.split(split), context)
        order = np.argsort(runs.first_sample + runs.context, kind="stable")
        return cls(dataset, runs.take(order))

    def starts(self, numbers: Ints) -> Times:
        """Return the label of the step at which the run of each of these steps starts; the step's own if it is in none."""
        table, length = self.dataset.sequences, self.dataset.segment_length
        span = length * self.dataset.frequency
        sample = numbers // length
        row = np.searchsorted(table.first_sample, sample, side="right") - 1
        own = table.start_time[row] + (numbers - table.first_sample[row] * length) * self.dataset.frequency
        if not len(self.runs):
            return own
        last = np.searchsorted(self.runs.first_sample + self.runs.context, sample, side="right") - 1
        run = np.maximum(last, 0)
        begin = self.runs.first_sample[run]
        inside = (
            (last >= 0) & (sample < begin + self.runs.sample_count[run]) & (self.runs.sequence[run] == row)
        )
        start = table.start_time[row] + (begin - table.first_sample[row]) * span
        return np.where(inside, start, own)
