"""Lanes in batches for networks that carry their state: row i of a batch continues row i of the one before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from hindcast.pipeline.feed.columns import Example, Named
from hindcast.pipeline.feed.lanes import IDLE, LanePlan, filled_lanes, whole_runs
from hindcast.pipeline.feed.order import InOrder, Order
from hindcast.pipeline.feed.prefetch import HELD
from hindcast.pipeline.feed.runs import Ints, evaluation_runs, scored_steps, training_runs
from hindcast.pipeline.feed.source import grid_of
from hindcast.pipeline.feed.stream import Stream, frozen


@dataclass(frozen=True, kw_only=True)
class Lanes(Stream):
    """The runs of a split, played side by side by `batch_size` lanes, a sample a lane and batch.

    A batch is (inputs, targets, weights) by name: inputs (B, T, its features) and `keep` (B, 1), which is 0 where the
    carried state must be dropped before the batch; targets (B, T, 1), weights (B, T), in physical units. Idle lanes
    hold zeros of weight 0, so a batch is always full. `shuffle`: runs of at most `run_length` steps in an order drawn
    from (`seed`, `epoch`), cut so that lanes end together; otherwise whole runs, each begun `context` steps early at
    weight 0. Batches are views, not to be written to, and must be played in order: `fit(shuffle=False)`.
    """

    run_length: int | None = None
    context: int = 0

    def __len__(self) -> int:
        return self.row_count

    def __getitem__(self, number: int) -> Example:
        if not 0 <= number < len(self):
            raise IndexError(f"an epoch of {len(self)} batches has no batch {number}")
        inputs, targets, weights = (
            {name: values[0] for name, values in part.items()} for part in self.items(number, number + 1)
        )
        return inputs, targets, weights

    @property
    def row_count(self) -> int:
        """Batches an epoch."""
        return self._plan.batch_count

    @cached_property
    def order(self) -> Order:
        """Batches follow one another; a stretch holds as many as memory allows."""
        return InOrder(self.row_count, max(1, min(_MOST, self.memory_bytes // HELD // self._row_bytes)))

    @cached_property
    def _plan(self) -> LanePlan:
        sequences, split = self.source.sequences, self.source.split(self.split)
        if self.shuffle:
            runs = training_runs(sequences, split, grid_of(self.source), self.run_length)
            return filled_lanes(runs, self.batch_size, self.seed, self.epoch)
        return whole_runs(
            evaluation_runs(sequences, split, grid_of(self.source), self.context), self.batch_size
        )

    @property
    def _row_bytes(self) -> int:
        cells = self.source.segment_length * (self.columns.cells + 2 * len(self.columns.outputs))
        return self.batch_size // self.ranks * (8 * cells + 64)

    @property
    def _block_rows(self) -> int:
        return 1

    def _made(self, rows: Ints) -> Example:
        played = [self.plan_of(int(number)) for number in rows]
        sample, keep, weighted = (np.stack(part) for part in zip(*played, strict=True))
        source, plays = self.source, sample != IDLE
        samples = sample[plays]
        scored = scored_steps(source.sequences, source.split(self.split), grid_of(source), samples)
        scored &= weighted[plays][:, None]

        def laid(name: str, factor: Any = None) -> np.ndarray:
            values = source.read(name, samples)
            values = values if factor is None else values * factor
            if plays.all():
                return values.reshape(*plays.shape, *values.shape[1:])
            whole = np.zeros((*plays.shape, *values.shape[1:]), values.dtype)
            whole[plays] = values
            return whole

        inputs: Named = self.columns.cut_inputs(laid("X")) | {"keep": keep[:, :, None]}
        targets = self.columns.cut_outputs(laid("Y"))
        weights = self.columns.cut_weights(laid("W", scored[:, :, None]))
        return frozen(inputs), frozen(targets), frozen(weights)

    def plan_of(self, number: int) -> tuple[Ints, np.ndarray, np.ndarray]:
        """Sample (IDLE where nothing is played), keep flag and whether it is weighted, of each of this process's lanes."""
        lanes, share = self._plan.batch(number), self.batch_size // self.ranks
        mine = slice(self.rank * share, (self.rank + 1) * share)
        return lanes.sample[mine], lanes.keep[mine], lanes.weighted[mine]

    def _picked(self, made: Example, start: int, stop: int) -> Example:
        inputs, targets, weights = (
            {name: values[start:stop] for name, values in part.items()} for part in made
        )
        return inputs, targets, weights


_MOST = 256  # batches a stretch: beyond that nothing is read less often
