"""A split -> the steps that windows end at, as spans of consecutive ones: a few numbers a span, however long."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hindcast.pipeline.feed.runs import Ints, played_samples, scored_steps, sequence_of
from hindcast.pipeline.feed.source import Source, grid_of

_BLOCK_STEPS = 1 << 20  # looked at a time


@dataclass(frozen=True)
class Spans:
    """Rows, one a predicted step. Steps are counted through all samples of the data set, laid end to end.

    Span i holds the `count[i]` steps `first[i]`, `first[i] + stride`, ... of one sequence, which begins at step
    `begin[i]`.
    """

    first: Ints
    count: Ints
    begin: Ints
    stride: int

    @property
    def row_count(self) -> int:
        """Rows of all spans."""
        return int(self._end[-1]) if len(self._end) else 0

    def steps(self, rows: Ints) -> tuple[Ints, Ints]:
        """The predicted step of each row, and the step at which its sequence begins."""
        span = np.searchsorted(self._end, rows, side="right")
        place = rows - (self._end[span] - self.count[span])
        return self.first[span] + place * self.stride, self.begin[span]

    @cached_property
    def _end(self) -> Ints:
        return np.cumsum(self.count)


def spans_of(source: Source, split: str, stride: int = 1, history: int = 1) -> Spans:
    """Every `stride`-th scored step of a split, counted from its sequence's start, with `history` steps up to it.

    The history may reach back into what lies before the split, never before the sequence.
    """
    grid, sequences, part = grid_of(source), source.sequences, source.split(split)
    samples = played_samples(sequences, part, grid)
    length = max(1, _BLOCK_STEPS // grid.segment_length)
    found = [np.zeros((3, 0), np.int64)]
    for start in range(0, len(samples), length):
        block = samples[start : start + length]
        row = sequence_of(sequences, block)
        steps = block[:, None] * grid.segment_length + np.arange(grid.segment_length)
        begin = sequences.first_sample[row] * grid.segment_length
        inside = steps - begin[:, None] < sequences.step_count[row][:, None]
        scored = inside & scored_steps(sequences, part, grid, block)
        found.append(_runs(steps[scored], np.broadcast_to(begin[:, None], steps.shape)[scored]))
    first, end, begin = _merged(np.concatenate(found, axis=1))
    first = np.maximum(first, begin + history - 1)
    first += -(first - begin) % stride
    count = -(-(end - first) // stride)
    some = count > 0
    return Spans(first[some], count[some], begin[some], stride)


def _runs(steps: Ints, begin: Ints) -> Ints:
    """Ascending steps and their sequences' beginnings -> (first, end, begin) of each stretch without a hole."""
    heads = np.flatnonzero((np.diff(steps, prepend=-2) != 1) | (np.diff(begin, prepend=-1) != 0))
    ends = np.append(heads[1:], len(steps)) - 1
    return (
        np.stack([steps[heads], steps[ends] + 1, begin[heads]]) if len(steps) else np.zeros((3, 0), np.int64)
    )


def _merged(runs: Ints) -> Ints:
    """Runs that go on where the one before ended, made one."""
    first, end, begin = runs
    goes_on = np.zeros(len(first), bool)
    goes_on[1:] = (first[1:] == end[:-1]) & (begin[1:] == begin[:-1])
    heads = np.flatnonzero(~goes_on)
    last = np.append(heads[1:], len(first)) - 1
    return np.stack([first[heads], end[last], begin[heads]]) if len(first) else runs
