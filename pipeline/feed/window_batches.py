"""Windows in batches: a window a row, in full shape and without NaN, the samples of many batches read at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from hindcast.pipeline.feed.batches import MEMORY_BYTES, Batch, BatchSource, with_flags
from hindcast.pipeline.feed.held import Held, found, reached
from hindcast.pipeline.feed.lanes import IDLE
from hindcast.pipeline.feed.order import InOrder, Order, shuffled
from hindcast.pipeline.feed.prefetch import HELD, Prefetcher
from hindcast.pipeline.feed.runs import Ints
from hindcast.pipeline.feed.windows import WindowPlan

_BLOCK_ROWS = (
    4096  # windows that stay neighbours until blocks are mixed: about as many as are read at once anyway
)


@dataclass(frozen=True)
class WindowBatches:
    """The batches of a window plan: a window a row, the target at its last step."""

    source: BatchSource
    plan: WindowPlan

    def __len__(self) -> int:
        return self.plan.batch_count

    def __getitem__(self, number: int) -> Batch:
        windows, rows = self.plan.batch(number), self.plan.rows
        scaling, count = self.source.scaling, len(windows.row)
        size, lookback, features = self.plan.batch_size, self.plan.lookback, len(self.source.idle_values)
        held = self._held(number)
        windowed = found(held, windows.samples)
        inputs = np.broadcast_to(self.source.idle_values, (size, lookback, features)).copy()
        steps = windowed.read("X").reshape(-1, features)
        np.take(steps, windows.steps, axis=0, out=inputs[:count])
        targets = np.zeros((size, lookback, scaling.target_count), np.float32)
        weights = np.zeros_like(targets)
        series = np.zeros((size, lookback), np.int32)
        sample, offset, place = rows.sample[windows.row], rows.offset[windows.row], np.arange(count)
        sequence = rows.sequence[windows.row]
        numbers = self.source.series[sequence]
        own = found(held, sample)
        targets[place, windows.last] = scaling.scaled_targets(own.read("Y")[place, offset], numbers)
        weights[place, windows.last] = own.read("W")[place, offset]
        series[:count] = numbers[:, None]
        identity = np.full((size, 2), IDLE, np.int64)
        identity[:count] = np.stack([sequence, sample], axis=1)
        begin = np.zeros(size, np.int64)
        begin[:count] = offset - windows.last
        published = np.full_like(targets, np.nan)
        if self.source.with_published:
            steps = windowed.read("published").reshape(-1, targets.shape[-1])
            published[:count] = steps[windows.steps]
        if number == len(self) - 1:
            self.close()  # an epoch is over: there may be one of these for each of many series
        keep = np.zeros((size, 1), np.float32)
        return Batch(inputs, series, targets, weights, keep, identity, begin, *with_flags(published))

    def close(self) -> None:
        """Let go of the samples that were read beforehand; asking goes on working."""
        self._stretches.close()

    def shuffled(self, seed: int, epoch: int) -> WindowBatches:
        """The same windows in an order drawn from (seed, epoch): through and through where they fit into memory."""
        order = shuffled(len(self.plan.rows), _BLOCK_ROWS, self._pool_rows, seed, epoch)
        return replace(self, plan=self.plan.ordered(order))

    @cached_property
    def _pool_rows(self) -> int:
        return max(1, MEMORY_BYTES // HELD // self.source.step_bytes)

    @cached_property
    def _order(self) -> Order:
        return self.plan.order or InOrder(len(self.plan.rows), self._pool_rows)

    @cached_property
    def _ends(self) -> Ints:
        return self._order.stretches

    @cached_property
    def _stretches(self) -> Prefetcher[Held]:
        return Prefetcher(
            partial(_windows_held, self.source, self.plan, self._order), max(0, len(self._ends) - 1)
        )

    def _held(self, number: int) -> list[Held]:
        """The samples of all rows of a batch: a batch may lie in several stretches."""
        start = number * self.plan.batch_size
        last = min(start + self.plan.batch_size, len(self.plan.rows)) - 1
        first, final = np.searchsorted(self._ends, [start, last], side="right") - 1
        return [self._stretches[stretch] for stretch in range(int(first), int(final) + 1)]


def _windows_held(source: BatchSource, plan: WindowPlan, order: Order, stretch: int) -> Held:
    start, stop = order.stretches[stretch : stretch + 2].tolist()
    samples = reached(*plan.reach(order.rows(start, stop)))
    return Held.of(source.dataset, source.names, samples)
