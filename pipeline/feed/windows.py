"""Rows -> windows: the last `lookback` steps before and at each row, cut from consecutive samples on the fly."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hindcast.pipeline.feed.order import BlockShuffle
from hindcast.pipeline.feed.runs import Ints, ascending
from hindcast.pipeline.feed.scored_rows import Rows


@dataclass(frozen=True)
class WindowBatch:
    """The windows of one batch, `n` of them, and how to cut them from samples.

    Read the samples `samples` (ascending) and lay their steps end to end: window i is the steps at `steps[i]`
    (n, lookback). Its target stands at index `last[i]`; a history shorter than `lookback` starts at index 0 and
    its last step is repeated to the end, where nothing is read any more. `row` are the rows predicted.
    """

    row: Ints
    samples: Ints
    steps: Ints
    last: Ints


@dataclass(frozen=True)
class WindowPlan:
    """One window a row. `order` None plays the rows as they stand, as validation and test do."""

    rows: Rows
    first_sample: Ints
    segment_length: int
    lookback: int
    batch_size: int
    order: BlockShuffle | None = None

    @property
    def batch_count(self) -> int:
        """Batches an epoch, the short last one included."""
        return -(-len(self.rows) // self.batch_size)

    def ordered(self, order: BlockShuffle) -> WindowPlan:
        """The same windows in another order."""
        return replace(self, order=order)

    def batch(self, number: int) -> WindowBatch:
        """The batch of that number, 0 <= number < batch_count; the last may hold fewer than `batch_size` windows."""
        if not 0 <= number < self.batch_count:
            raise IndexError(f"a plan of {self.batch_count} batches has no batch {number}")
        return self.windows(self._rows(number * self.batch_size, (number + 1) * self.batch_size))

    def reach(self, row: Ints) -> tuple[Ints, Ints]:
        """The first and the last sample that the window of each row reaches."""
        step, base = self.rows.step[row], self.first_sample[self.rows.sequence[row]]
        begin = np.maximum(step + 1 - self.lookback, 0)
        return base + begin // self.segment_length, base + step // self.segment_length

    def windows(self, row: Ints) -> WindowBatch:
        """The windows of given rows."""
        step = self.rows.step[row]
        length = np.minimum(step + 1, self.lookback)
        begin = step + 1 - length
        first, final = self.reach(row)
        widest = (self.lookback - 1) // self.segment_length + 2
        samples = ascending(np.minimum(first[:, None] + np.arange(widest), final[:, None]).reshape(-1))
        # the samples of a window are consecutive numbers, so they stand side by side in `samples`
        start = np.searchsorted(samples, first) * self.segment_length + begin % self.segment_length
        steps = start[:, None] + np.minimum(np.arange(self.lookback), length[:, None] - 1)
        return WindowBatch(row, samples, steps, length - 1)

    def _rows(self, start: int, stop: int) -> Ints:
        if self.order is not None:
            return self.order.rows(start, stop)
        return np.arange(start, min(stop, len(self.rows)))
