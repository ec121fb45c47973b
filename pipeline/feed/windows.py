"""Windows: the last `lookback` steps up to each row, cut from samples whose steps are joined.

Only this module pads a short history: it starts at index 0 and its last step is repeated to the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from hindcast.pipeline.arrays import Ints, Values
from hindcast.pipeline.feed.columns import Example, Named, map_example
from hindcast.pipeline.feed.scored_rows import Spans

Lengths = npt.NDArray[np.int32]


@dataclass(frozen=True)
class WindowPlan:
    """One window per row of `rows`; a row's own step is the last one of its window."""

    rows: Spans
    segment_length: int
    lookback: int

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, rows: Ints, read: Callable[[Ints], Example]) -> ReadWindows:
        """The windows of given rows, in any order; `read(samples)` gives arrays (sample, step, ...) of ascending samples.

        Each row takes its window of the inputs and its own step of targets and weights.
        """
        samples, last, history = self._locate(rows)
        inputs, targets, weights = map_example(
            lambda values: values.reshape(-1, *values.shape[2:]), read(samples)
        )
        own = ({name: values[last] for name, values in part.items()} for part in (targets, weights))
        return ReadWindows(last, history, self.lookback, inputs, *own)

    def _locate(self, rows: Ints) -> tuple[Ints, Ints, Lengths]:
        """The samples to read, ascending; the index of each row's own step in their joined steps; the number of steps of its history."""
        step, span = self.rows.locate(rows)
        history = np.minimum(step - self.rows.begin[span] + 1, self.lookback)
        del span
        samples = samples_between((step - history + 1) // self.segment_length, step // self.segment_length)
        last = np.searchsorted(samples, step // self.segment_length) * self.segment_length
        return samples, last + step % self.segment_length, history.astype(np.int32)


@dataclass(frozen=True)
class ReadWindows:
    """Rows in memory: their inputs as steps (step, column), their targets and weights row by row.

    `last` is the index of each row's own step in the joined steps of the samples that were read; the `history` steps up to
    it are the steps of its window of `lookback` that exist.
    """

    last: Ints
    history: Lengths
    lookback: int
    inputs: Named
    targets: Named
    weights: Named

    def cut(self, start: int, stop: int) -> Example:
        """The rows at places [start, stop): inputs (row, lookback, column), targets and weights (row, ...)."""
        last, history = self.last[start:stop], self.history[start:stop]
        return (
            {name: _windows(steps, last, history, self.lookback) for name, steps in self.inputs.items()},
            {name: values[start:stop] for name, values in self.targets.items()},
            {name: values[start:stop] for name, values in self.weights.items()},
        )


def samples_between(first: Ints, last: Ints) -> Ints:
    """All samples from first[i] to last[i], ascending, each once."""
    widest = int((last - first).max(initial=0)) + 1
    # few: windows that begin in one sample end in two or three
    pairs = _ascending(first * widest + (last - first))
    first, length = np.divmod(pairs, widest)
    return _ascending(np.minimum(first[:, None] + np.arange(widest), (first + length)[:, None]).reshape(-1))


def _ascending(numbers: Ints) -> Ints:
    """The numbers in order, each once. NumPy's `unique` hashes first, which takes ten times as long here."""
    found = np.sort(numbers)
    return found[np.diff(found, prepend=found[0] - 1) != 0] if len(found) else found


def _windows(steps: Values, last: Ints, history: Lengths, lookback: int) -> Values:
    """The `lookback` steps up to each index of `last` (row, lookback, column); a short history is padded behind it."""
    full = history == lookback
    if full.all() and len(last):
        columns = steps.shape[1]
        # every `lookback` consecutive steps as one row of numbers: a view, nothing is copied
        rows = sliding_window_view(steps.reshape(-1), lookback * columns)[::columns]
        return rows[last - (lookback - 1)].reshape(-1, lookback, columns)
    windows = np.empty((len(last), lookback, steps.shape[1]), steps.dtype)
    if full.any():
        windows[full] = _windows(steps, last[full], history[full], lookback)
    short = np.flatnonzero(~full)
    length = history[short, None]
    windows[short] = steps[last[short, None] - length + 1 + np.minimum(np.arange(lookback), length - 1)]
    return windows
