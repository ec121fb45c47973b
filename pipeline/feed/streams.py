"""Streams: the segments, windows and lanes of a split in batches, in physical units, for any network."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from typing import Any, Self

import numpy as np

from hindcast.pipeline.arrays import Flags, Ints, Values
from hindcast.pipeline.feed.columns import Columns, Example, join_examples, map_example, slice_example
from hindcast.pipeline.feed.lanes import (
    LaneBatch,
    LanePlan,
    assign_whole_runs,
    fill_lanes,
    lane_order,
    lane_weights,
    read_lanes,
)
from hindcast.pipeline.feed.order import InOrder, Order, Ranked, plan_shuffle
from hindcast.pipeline.feed.prefetch import HELD, MEMORY_BYTES, StretchReader
from hindcast.pipeline.feed.runs import evaluation_runs, training_runs
from hindcast.pipeline.feed.scored_rows import Rows, rows_of, scored_spans, thin_spans
from hindcast.pipeline.feed.source import Source, read_weights, scored_steps, sequence_of, split_samples
from hindcast.pipeline.feed.windows import ReadWindows, WindowPlan
from hindcast.pipeline.store.index_types import Split


@dataclass(frozen=True)
class Stream(ABC):
    """The batches of one epoch, each a pure function of its number: they can be read in any order and from any process.

    `batch_size` rows per batch, the remainder as a last, shorter one. `shuffle`: the order of rows is drawn from
    (`seed`, `epoch`); rows are mixed as far as `memory_bytes` allows, fully where all fit. `rank` of `ranks`: the part of
    each batch that belongs to one of several training processes, whose parts together are the batch that one process
    alone would see. ValueError unless `batch_size` is a positive multiple of `ranks`.

    A plain `for` loop gives the batches in order; what they are cut from is read in the background.
    """

    source: Source
    split: str
    batch_size: int
    columns: Columns
    seed: int = 0
    epoch: int = 0
    shuffle: bool = True
    memory_bytes: int = MEMORY_BYTES
    rank: int = 0
    ranks: int = 1

    def __post_init__(self) -> None:
        if not (self.batch_size > 0 and 0 <= self.rank < self.ranks and self.batch_size % self.ranks == 0):
            raise ValueError(
                "batch_size must be a positive multiple of ranks, and 0 <= rank < ranks; "
                f"found batch_size={self.batch_size}, rank={self.rank}, ranks={self.ranks}"
            )
        self.source.split(self.split)  # a name that does not exist is an error here, not at the first batch

    def __len__(self) -> int:
        return math.ceil(self.row_count / self.batch_size)

    def __getitem__(self, number: int) -> Example:
        if not 0 <= number < len(self):
            raise IndexError(f"an epoch of {len(self)} batches has no batch {number}")
        start = number * self._share
        return self.items(start, min(start + self._share, self.order.count))

    def __iter__(self) -> Iterator[Example]:
        for number in range(len(self)):
            yield self[number]

    def at(self, epoch: int) -> Self:
        """The same stream in the order of another epoch."""
        return replace(self, epoch=epoch)

    def items(self, start: int, stop: int) -> Example:
        """The rows at places [start, stop) of this process's order."""
        return self._reader.items(start, stop)

    def sequences_of(self, number: int) -> Ints:
        """The row of `/sequences` to which each row of a batch belongs; -1 where a lane is idle."""
        start = number * self._share
        return self._owners(self.order.rows(start, min(start + self._share, self.order.count)))

    def examples(self, rows: Ints) -> Example:
        """Given rows in any order, read on their own."""
        return self._cut(self._read(rows), 0, len(rows))

    @cached_property
    def order(self) -> Order:
        """The rows of the epoch that belong to this process."""
        pool = max(1, self.memory_bytes // HELD // self._row_bytes)
        whole: Order = InOrder(self.row_count, pool)
        if self.shuffle:
            whole = plan_shuffle(self.row_count, self._block_rows, pool, self.seed, self.epoch)
        return Ranked(whole, self.batch_size, self.rank, self.ranks) if self.ranks > 1 else whole

    def close(self) -> None:
        """End the threads that read ahead and free what was read; asking still works."""
        self._reader.stretches.close()

    @property
    @abstractmethod
    def row_count(self) -> int:
        """Rows per epoch, of all processes together."""

    @property
    @abstractmethod
    def _row_bytes(self) -> int:
        """Memory per row of a stretch."""

    @property
    @abstractmethod
    def _block_rows(self) -> int:
        """Rows that are read together anyway."""

    @property
    @abstractmethod
    def _read(self) -> Callable[[Ints], Any]:
        """Reads what batches of given rows are cut from; refers to plans, not to the stream."""

    @abstractmethod
    def _owners(self, rows: Ints) -> Ints:
        """The row of `/sequences` of each row."""

    @property
    def _cut(self) -> Callable[[Any, int, int], Example]:
        """Cuts the rows at places [start, stop) from what was read."""
        return slice_example

    @cached_property
    def _reader(self) -> StretchReader[Any, Example]:
        return StretchReader(self.order, self._read, self._cut, join_examples)

    @cached_property
    def _share(self) -> int:
        return self.batch_size // self.ranks

    @property
    def _segment_bytes(self) -> int:
        return 4 * self.source.segment_length * (self.columns.cells + 2 * len(self.columns.outputs))

    def __getstate__(self) -> dict[str, Any]:
        """Without what is cached: threads cannot be pickled."""
        return {option.name: getattr(self, option.name) for option in fields(self)}


@dataclass(frozen=True)
class Segments(Stream):
    """The stored samples of a split with at least one scored step, in stored order: a target and a weight at every step.

    A batch is (inputs, targets, weights) by name: inputs (B, T, its features), targets (B, T, 1), weights (B, T), in
    physical units; weights are 0 at padding, unknown targets, steps that are not scored in this split and, in training,
    flagged targets. Batches are read-only views.

    >>> columns = hindcast.Columns.whole(len(work.dataset.features), work.targets)
    >>> inputs, targets, weights = hindcast.Segments(work.dataset, "validation", 4, columns)[0]
    >>> inputs["inputs"].shape, targets["usage"].shape, weights["usage"].shape
    ((4, 24, 17), (4, 24, 1), (4, 24))
    """

    @property
    def row_count(self) -> int:
        """Stored samples with at least one scored step."""
        return len(self._samples)

    def _owners(self, rows: Ints) -> Ints:
        return sequence_of(self.source, self._samples[rows])

    @cached_property
    def _samples(self) -> Ints:
        return split_samples(self.source, self.source.split(self.split))

    @property
    def _row_bytes(self) -> int:
        return self._segment_bytes + 32  # and the numbers of samples while they are put in order

    @property
    def _block_rows(self) -> int:
        return self.source.chunk_samples

    @property
    def _read(self) -> Callable[[Ints], Example]:
        return partial(
            _read_segments, self.source, self.source.split(self.split), self.columns, self._samples
        )


@dataclass(frozen=True, kw_only=True)
class Windows(Stream):
    """A window of `lookback` steps for every `stride`-th scored step of a split; it ends with that step.

    A batch is (inputs, targets, weights) by name: inputs (B, lookback, its features), targets (B, 1), weights (B,), in
    physical units. Windows never cross a sequence's end; those of held-out splits reach back for inputs. Where fewer
    steps lie before, the window starts with the sequence and its last step, the predicted one, is repeated up to
    `lookback`, as in training; with `whole`, such windows are left out. A window whose target is unknown has weight 0.

    ValueError unless `lookback` and `stride` are at least 1.

    >>> columns = hindcast.Columns.by_part(work.dataset.feature_parts, work.targets)
    >>> stream = hindcast.Windows(work.dataset, "train", 32, columns, seed=7, shuffle=True, lookback=48)
    >>> inputs, targets, weights = stream.at(epoch=0)[0]
    >>> inputs["calendar"].shape, targets["usage"].shape
    ((32, 48, 4), (32, 1))
    """

    lookback: int
    stride: int = 1
    whole: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lookback < 1 or self.stride < 1:
            raise ValueError(
                f"lookback and stride must be at least one step, found lookback={self.lookback}, stride={self.stride}"
            )

    @property
    def row_count(self) -> int:
        """Windows of the split."""
        return len(self._plan)

    def rows_at(self, start: int, stop: int) -> Rows:
        """The step that each window at places [start, stop) of this process's order predicts."""
        return rows_of(self.source, self._plan.rows, self.order.rows(start, stop))

    def _owners(self, rows: Ints) -> Ints:
        return rows_of(self.source, self._plan.rows, rows).sequence.astype(np.int64)

    @cached_property
    def _plan(self) -> WindowPlan:
        rows = scored_spans(self.source, self.split, weighted=False)
        rows = thin_spans(rows, self.stride, self.lookback if self.whole else 1)
        return WindowPlan(rows, self.source.segment_length, self.lookback)

    @property
    def _row_bytes(self) -> int:
        steps = self.columns.cells + 2 * len(self.columns.outputs)
        return 4 * steps * self.stride + 56  # and the numbers of rows, steps and samples

    @property
    def _block_rows(self) -> int:
        return max(1, self.source.chunk_samples * self.source.segment_length // self.stride)

    @property
    def _read(self) -> Callable[[Ints], ReadWindows]:
        return partial(self._plan.read, read=partial(_read_samples, self.source, self.split, self.columns))

    @property
    def _cut(self) -> Callable[[ReadWindows, int, int], Example]:
        return ReadWindows.cut


@dataclass(frozen=True, kw_only=True)
class Lanes(Stream):
    """The runs of a split, played side by side by `batch_size` lanes, one sample per lane and batch.

    For networks that carry their state: row i of a batch continues row i of the one before. A batch is (inputs, targets,
    weights) by name: inputs (B, T, its features) and `keep` (B, 1), which is 0 where the carried state must be dropped
    before the batch; targets (B, T, 1), weights (B, T), in physical units. Idle lanes hold zeros of weight 0, so a batch
    is always full. `shuffle`: runs of at most `run_length` steps in an order drawn from (`seed`, `epoch`), cut so that
    lanes end together; otherwise whole runs, each begun `context` steps early at weight 0. Batches are read-only views
    and must be played in order: `fit(shuffle=False)`.

    >>> columns = hindcast.Columns.whole(len(work.dataset.features), work.targets)
    >>> inputs, targets, weights = hindcast.Lanes(work.dataset, "train", 8, columns)[0]
    >>> inputs["inputs"].shape, inputs["keep"].ravel().tolist() == [0.0] * 8
    ((8, 24, 17), True)
    """

    run_length: int | None = None
    context: int = 0

    def __len__(self) -> int:
        return self.row_count

    def __getitem__(self, number: int) -> Example:
        return map_example(lambda values: values[0], super().__getitem__(number))

    @property
    def row_count(self) -> int:
        """Batches per epoch."""
        return self._plan.batch_count

    @cached_property
    def order(self) -> Order:
        """Batches follow one another; a stretch holds as many as memory allows."""
        return lane_order(self.row_count, self.memory_bytes // HELD // self._row_bytes)

    def _owners(self, rows: Ints) -> Ints:
        return self._plan.batches(rows, self._lanes).sequence

    def plan_of(self, number: int) -> tuple[Ints, Values, Flags]:
        """Sample (IDLE where nothing is played), keep flag and whether it is weighted, of each of this process's lanes."""
        lanes = self._plan.batches(np.array([number]), self._lanes)
        return lanes.sample, lanes.keep, lanes.weighted

    @cached_property
    def _plan(self) -> LanePlan:
        split = self.source.split(self.split)
        if self.shuffle:
            runs = training_runs(self.source, split, self.run_length)
            return fill_lanes(runs, self.batch_size, self.seed, self.epoch)
        return assign_whole_runs(evaluation_runs(self.source, split, self.context), self.batch_size)

    @property
    def _lanes(self) -> slice:
        share = self.batch_size // self.ranks
        return slice(self.rank * share, (self.rank + 1) * share)

    @cached_property
    def _share(self) -> int:
        return 1

    @property
    def _row_bytes(self) -> int:
        return self.batch_size // self.ranks * (2 * self._segment_bytes + 64)

    @property
    def _block_rows(self) -> int:
        return 1

    @property
    def _read(self) -> Callable[[Ints], Example]:
        split = self.source.split(self.split)
        return partial(_read_lanes, self.source, split, self.columns, self._plan, lanes=self._lanes)


def _read_samples(source: Source, split: str, columns: Columns, samples: Ints) -> Example:
    return (
        columns.cut_inputs(source.read("X", samples)),
        columns.cut_outputs(source.read("Y", samples)),
        columns.cut_weights(read_weights(source, split, samples)),
    )


def _read_segments(source: Source, split: Split, columns: Columns, samples: Ints, rows: Ints) -> Example:
    inputs, targets, weights = _read_samples(source, split.name, columns, samples[rows])
    scored = scored_steps(source, split, samples[rows])
    return inputs, targets, {name: values * scored for name, values in weights.items()}


def _read_lanes(
    source: Source, split: Split, columns: Columns, plan: LanePlan, numbers: Ints, *, lanes: slice
) -> Example:
    """Arrays (batch, lane, ...): a batch is one row of what was read."""
    played: LaneBatch = plan.batches(numbers, lanes)

    def by_batch(values: Values) -> Values:
        return values.reshape(len(numbers), -1, *values.shape[1:])

    inputs = columns.cut_inputs(by_batch(read_lanes(source, "X", played)))
    return (
        inputs | {"keep": by_batch(played.keep[:, None])},
        columns.cut_outputs(by_batch(read_lanes(source, "Y", played))),
        columns.cut_weights(by_batch(lane_weights(source, split, played))),
    )
