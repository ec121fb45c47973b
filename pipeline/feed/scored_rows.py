"""The scored rows of a split: every (sequence, step) that counts, as spans of consecutive steps or one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.feed.source import Source, read_weights, scored_steps, sequence_of, split_samples

_BLOCK_VALUES = 1 << 23  # values of one array per read: 32 MiB of float32
_BLOCK_STEPS = 1 << 20  # steps read together: bounds memory, far above what a read costs


Read = Callable[[str], npt.NDArray[Any]]
"""Called with an array name; returns its values at the rows of a block, (row, ...)."""


class RowSource(Source, Protocol):
    """The properties of a data set that reading by rows needs in addition to `Source`."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns of X."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns of Y."""


@dataclass(frozen=True)
class Rows:
    """Scored rows in order (sequence, step); all arrays have one entry per row.

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


@dataclass(frozen=True)
class Spans:
    """Rows as spans of consecutive steps: a few numbers per span, however long it is.

    Steps are counted through all samples of the data set, one after another. Span i holds the `count[i]` steps `first[i]`,
    `first[i] + stride`, ... of row `sequence[i]` of `/sequences`, whose first step is `begin[i]`. Rows are numbered
    through all spans. `split` is the name of the split to which they belong.
    """

    first: Ints
    count: Ints
    sequence: Ints
    begin: Ints
    stride: int = 1
    split: str = ""

    def __len__(self) -> int:
        return int(self._end[-1]) if len(self._end) else 0

    def locate(self, rows: Ints) -> tuple[Ints, Ints]:
        """The step and the span of each row."""
        span = np.searchsorted(self._end, rows, side="right")
        place = rows - (self._end[span] - self.count[span])
        return self.first[span] + place * self.stride, span

    def by_key(self, keys: npt.NDArray[np.int32]) -> dict[int, Spans]:
        """The spans of each key, where `keys` has one entry per sequence; keys ascend, rows keep their order."""
        own = keys[self.sequence]
        order = np.argsort(own, kind="stable")
        found, first = np.unique(own[order], return_index=True)
        parts = np.split(order, first)[1:]
        return {int(key): self._take(spans) for key, spans in zip(found, parts, strict=True)}

    def _take(self, spans: Ints) -> Spans:
        return replace(
            self,
            first=self.first[spans],
            count=self.count[spans],
            sequence=self.sequence[spans],
            begin=self.begin[spans],
        )

    @cached_property
    def _end(self) -> Ints:
        return np.cumsum(self.count)


def scored_rows(dataset: Source, split: str, *, residual: bool = False) -> Rows:
    """The rows of a split with `from_time <= time < until_time` and a weight above 0 for any target (see `read_weights`)."""
    spans = scored_spans(dataset, split, residual=residual)
    before = np.cumsum(spans.count) - spans.count
    at = np.repeat(spans.first - before, spans.count) + np.arange(len(spans))
    return _rows_at(dataset, at, np.repeat(spans.sequence, spans.count), np.repeat(spans.begin, spans.count))


def rows_of(dataset: Source, spans: Spans, numbers: Ints) -> Rows:
    """The rows of these numbers, in their order: takes memory for them alone, not for all rows of a split."""
    at, span = spans.locate(numbers)
    return _rows_at(dataset, at, spans.sequence[span], spans.begin[span])


def read_blocks(dataset: RowSource, rows: Rows, width: int) -> Iterator[tuple[slice, Read]]:
    """Yield (slice of `rows`, function that reads an array at these rows); `width` is the number of values per step."""
    most = max(1, _BLOCK_VALUES // (dataset.segment_length * max(1, width)))  # samples
    start = 0
    while start < len(rows):
        ahead = rows.sample[start : start + most * dataset.segment_length]
        samples = ahead[np.diff(ahead, prepend=-1) != 0][:most]
        stop = int(np.searchsorted(rows.sample, samples[-1], side="right"))
        yield slice(start, stop), _make_reader(dataset, rows, slice(start, stop), samples)
        start = stop


def scored_spans(source: Source, split: str, *, weighted: bool = True, residual: bool = False) -> Spans:
    """The same rows as spans; without `weighted`, also those whose targets are all unknown."""
    sequences, part, segment_length = source.sequences, source.split(split), source.segment_length
    samples = split_samples(source, part)
    length = max(1, _BLOCK_STEPS // segment_length)
    found = [np.zeros((3, 0), np.int64)]
    for start in range(0, len(samples), length):
        block = samples[start : start + length]
        row = sequence_of(source, block)
        steps = block[:, None] * segment_length + np.arange(segment_length)
        scored = scored_steps(source, part, block)
        if weighted:
            scored = scored & np.any(read_weights(source, split, block, residual=residual) > 0, axis=2)
        else:
            end = sequences.first_sample[row] * segment_length + sequences.step_count[row]
            scored = scored & (steps < end[:, None])
        found.append(_stretches(steps[scored], np.broadcast_to(row[:, None], steps.shape)[scored]))
    first, end, sequence = _merged(np.concatenate(found, axis=1))
    begin = sequences.first_sample[sequence] * segment_length
    return Spans(first, end - first, sequence, begin, split=split)


def thin_spans(spans: Spans, stride: int, history: int) -> Spans:
    """Every `stride`-th step, counted from its sequence's start, that has `history` steps up to and including itself.

    The history may reach back into what lies before the split, never before the sequence.
    """
    first = np.maximum(spans.first, spans.begin + history - 1)
    first += -(first - spans.begin) % stride
    count = -(-(spans.first + spans.count - first) // stride)
    left = count > 0
    return Spans(first[left], count[left], spans.sequence[left], spans.begin[left], stride, spans.split)


def _rows_at(dataset: Source, at: Ints, sequence: Ints, begin: Ints) -> Rows:
    step = at - begin
    sample, offset = np.divmod(at, dataset.segment_length)
    time = dataset.sequences.start_time[sequence] + step * dataset.frequency
    return Rows(sequence.astype(np.int32), step, sample, offset.astype(np.int32), time)


def _stretches(steps: Ints, sequence: Ints) -> Ints:
    """Ascending steps and their sequences -> (first, end, sequence) of each stretch without a hole."""
    heads = np.flatnonzero((np.diff(steps, prepend=-2) != 1) | (np.diff(sequence, prepend=-1) != 0))
    if not len(heads):
        return np.zeros((3, 0), np.int64)
    ends = np.append(heads[1:], len(steps)) - 1
    return np.stack([steps[heads], steps[ends] + 1, sequence[heads]])


def _merged(stretches: Ints) -> Ints:
    """Stretches that continue the one before, joined to it."""
    first, end, sequence = stretches
    if not len(first):
        return stretches
    continues = np.zeros(len(first), bool)
    continues[1:] = (first[1:] == end[:-1]) & (sequence[1:] == sequence[:-1])
    heads = np.flatnonzero(~continues)
    return np.stack([first[heads], end[np.append(heads[1:], len(first)) - 1], sequence[heads]])


def _make_reader(dataset: RowSource, rows: Rows, block: slice, samples: Ints) -> Read:
    local = np.searchsorted(samples, rows.sample[block])
    offset = rows.offset[block]

    def read(name: str) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = dataset.read(name, samples)[local, offset]
        return values

    return read
