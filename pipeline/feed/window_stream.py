"""Windows over sequences, in batches: cut as views of steps that lie end to end, one target each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import as_strided

from hindcast.pipeline.feed.columns import Example, Named, Values
from hindcast.pipeline.feed.held import reached
from hindcast.pipeline.feed.runs import Ints
from hindcast.pipeline.feed.spans import Spans, spans_of
from hindcast.pipeline.feed.stream import Stream


@dataclass(frozen=True, kw_only=True)
class Windows(Stream):
    """A window of `lookback` steps for every `stride`-th scored step of a split; it ends with that step.

    A batch is (inputs, targets, weights) by name: inputs (B, lookback, its features), targets (B, 1), weights (B,), in
    physical units. Windows never cross a sequence's end; those of held-out splits reach back for inputs. Where fewer
    steps lie before, the first one is repeated in front; with `whole`, such windows are left out. A window whose target
    is unknown has weight 0.
    """

    lookback: int
    stride: int = 1
    whole: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lookback < 1 or self.stride < 1:
            raise ValueError(
                f"lookback and stride are at least one step, found lookback={self.lookback}, stride={self.stride}"
            )

    @property
    def row_count(self) -> int:
        """Windows of the split."""
        return self._spans.row_count

    @cached_property
    def _spans(self) -> Spans:
        return spans_of(self.source, self.split, self.stride, self.lookback if self.whole else 1)

    @property
    def _row_bytes(self) -> int:
        steps = self.columns.cells + 2 * len(self.columns.outputs)
        return 4 * steps * self.stride + 56  # and the numbers of rows, steps and samples

    @property
    def _block_rows(self) -> int:
        return max(1, self.source.chunk_samples * self.source.segment_length // self.stride)

    def _made(self, rows: Ints) -> _Steps:
        length, source = self.source.segment_length, self.source
        end, begin = self._spans.steps(rows)
        history = np.minimum(end - begin + 1, self.lookback)
        samples = reached((end - history + 1) // length, end // length)
        place = np.searchsorted(samples, end // length) * length + end % length
        del end, begin

        def flat(name: str) -> Values:
            values = source.read(name, samples)
            return values.reshape(-1, values.shape[-1])

        return _Steps(
            inputs=self.columns.cut_inputs(flat("X")),
            targets={name: one[place] for name, one in self.columns.cut_outputs(flat("Y")).items()},
            weights={name: one[place] for name, one in self.columns.cut_weights(flat("W")).items()},
            place=place,
            history=history.astype(np.int32),
        )

    def _picked(self, made: _Steps, start: int, stop: int) -> Example:
        place, history = made.place[start:stop], made.history[start:stop]
        return (
            {name: _windows(steps, place, history, self.lookback) for name, steps in made.inputs.items()},
            {name: one[start:stop] for name, one in made.targets.items()},
            {name: one[start:stop] for name, one in made.weights.items()},
        )


@dataclass(frozen=True)
class _Steps:
    """Steps laid end to end (N, its features), and of each row its target, weight, last step and length of history."""

    inputs: Named
    targets: Named
    weights: Named
    place: Ints
    history: np.ndarray[tuple[int], np.dtype[np.int32]]


def _windows(steps: Values, place: Ints, history: np.ndarray, lookback: int) -> Values:
    """The `lookback` steps up to each place (n, lookback, features); a short history is filled up in front."""
    full = history == lookback
    if full.all() and len(place):
        return _slid(steps, lookback)[place - (lookback - 1)].reshape(-1, lookback, steps.shape[1])
    windows = np.empty((len(place), lookback, steps.shape[1]), steps.dtype)
    if full.any():
        windows[full] = _windows(steps, place[full], history[full], lookback)
    short = np.flatnonzero(~full)
    back = np.minimum(np.arange(lookback - 1, -1, -1), history[short, None] - 1)
    windows[short] = steps[place[short, None] - back]
    return windows


def _slid(steps: Values, lookback: int) -> Values:
    """Every `lookback` consecutive steps as one row of numbers: a view, nothing is copied."""
    step, number = steps.strides
    shape = (len(steps) - lookback + 1, lookback * steps.shape[1])
    return as_strided(steps, shape, (step, number), writeable=False)
