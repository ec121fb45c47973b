"""Samples as they lie in HDF5, in batches: a target and a weight at every step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hindcast.pipeline.feed.columns import Example, Named
from hindcast.pipeline.feed.runs import Ints, played_samples, scored_steps
from hindcast.pipeline.feed.source import grid_of
from hindcast.pipeline.feed.stream import Stream, frozen


@dataclass(frozen=True)
class Segments(Stream):
    """The samples of a split that hold scored steps.

    A batch is (inputs, targets, weights) by name: inputs (B, T, its features), targets (B, T, 1), weights (B, T), in
    physical units; weights are 0 at padding, unknown targets and steps that are not scored in this split. Batches are
    views: not to be written to.
    """

    @property
    def row_count(self) -> int:
        """Samples of the split."""
        return len(self._samples)

    @cached_property
    def _samples(self) -> Ints:
        return played_samples(self.source.sequences, self.source.split(self.split), grid_of(self.source))

    @property
    def _row_bytes(self) -> int:
        cells = self.source.segment_length * (self.columns.cells + 2 * len(self.columns.outputs))
        return 4 * cells + 32  # and the numbers of samples while they are put in order

    @property
    def _block_rows(self) -> int:
        return self.source.chunk_samples

    def _made(self, rows: Ints) -> Example:
        source, samples = self.source, self._samples[rows]
        scored = scored_steps(source.sequences, source.split(self.split), grid_of(source), samples)
        weights = source.read("W", samples) * scored[:, :, None]
        return (
            frozen(self.columns.cut_inputs(source.read("X", samples))),
            frozen(self.columns.cut_outputs(source.read("Y", samples))),
            frozen(self.columns.cut_weights(weights)),
        )

    def _picked(self, made: Example, start: int, stop: int) -> Example:
        inputs, targets, weights = (_slices(part, start, stop) for part in made)
        return inputs, targets, weights


def _slices(part: Named, start: int, stop: int) -> Named:
    return {name: values[start:stop] for name, values in part.items()}
