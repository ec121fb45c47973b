"""Sequences and a split -> runs: which consecutive samples are played in one go, and which of them are scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Flags, Ints
from hindcast.pipeline.store.index_types import Sequences, Split, played_samples


@dataclass(frozen=True)
class Grid:
    """The regular steps that samples are cut from: `segment_length` steps a sample, `frequency` ns a step."""

    segment_length: int
    frequency: int

    @property
    def span(self) -> int:
        """The length of a sample in ns."""
        return self.segment_length * self.frequency


@dataclass(frozen=True)
class Runs:
    """Runs of consecutive samples of one sequence each; all arrays have one entry a run.

    A run plays the samples `[first_sample, first_sample + sample_count)` of row `sequence` of `/sequences`,
    from a state of zero. Its first `context` samples only warm the state up: they have weight 0.
    """

    sequence: Ints
    first_sample: Ints
    sample_count: Ints
    context: Ints

    def __len__(self) -> int:
        return len(self.sequence)

    def take(self, rows: Ints) -> Runs:
        """The runs at `rows`, in that order."""
        return Runs(self.sequence[rows], self.first_sample[rows], self.sample_count[rows], self.context[rows])

    @property
    def total(self) -> int:
        """How many samples are played, context included."""
        return int(self.sample_count.sum())


def sequence_of(sequences: Sequences, samples: Ints) -> Ints:
    """The row of `/sequences` to which each sample belongs."""
    return np.searchsorted(sequences.first_sample, samples, side="right") - 1


def ascending(numbers: Ints) -> Ints:
    """The numbers in order, each once. NumPy's `unique` hashes first, which takes ten times as long here."""
    found = np.sort(numbers)
    return found[np.diff(found, prepend=found[0] - 1) != 0] if len(found) else found


def training_runs(
    sequences: Sequences, split: Split, grid: Grid, run_length: int | None = None, warm_up: int = 0
) -> Runs:
    """The runs of a split for training, of at most `run_length` steps (rounded down to samples, at least one).

    A stretch that is too long is cut into parts as equal as can be. Up to `warm_up` steps before a cut (rounded up to
    samples) are played again as the part's context.
    """
    blocks = _blocks(sequences, split, grid)
    if run_length is None:
        return blocks
    longest = max(1, run_length // grid.segment_length)
    parts = -(-blocks.sample_count // longest)
    block = np.repeat(np.arange(len(blocks)), parts)
    part = np.arange(len(block)) - np.repeat(np.cumsum(parts) - parts, parts)
    start = blocks.sample_count[block] * part // parts[block]
    stop = blocks.sample_count[block] * (part + 1) // parts[block]
    before = np.minimum(-(-warm_up // grid.segment_length), start)
    first = blocks.first_sample[block] + start - before
    return Runs(blocks.sequence[block], first, stop - start + before, before)


def evaluation_runs(sequences: Sequences, split: Split, grid: Grid, context: int) -> Runs:
    """The runs of a split for validation and test: whole, each begun `context` steps before its first scored step.

    The context is rounded up to whole samples and ends at the sequence's start; it may lie in the split before.
    """
    blocks = _blocks(sequences, split, grid)
    first = sequences.first_sample[blocks.sequence].astype(np.int64)
    start = sequences.start_time[blocks.sequence] + (blocks.first_sample - first) * grid.span
    unscored = (np.clip(split.from_time, start, start + grid.span) - start) // grid.frequency
    wanted = -(-np.maximum(context - unscored, 0) // grid.segment_length)
    before = np.minimum(wanted, blocks.first_sample - first)
    return Runs(blocks.sequence, blocks.first_sample - before, blocks.sample_count + before, before)


def scored_steps(sequences: Sequences, split: Split, grid: Grid, samples: Ints) -> Flags:
    """Which steps of `samples` lie in the split's scored ranges: (sample, step). Weights are not looked at."""
    rows = sequence_of(sequences, samples)
    start = sequences.start_time[rows] + (samples - sequences.first_sample[rows]) * grid.span
    # nearly always they all lie inside, and looking at each step would cost more than reading them
    inside = (start >= split.from_time) & (start + grid.span <= split.until_time)
    if not split.intervals and inside.all():
        return np.ones((len(samples), grid.segment_length), bool)
    times = start[:, None] + np.arange(grid.segment_length) * grid.frequency
    return split.holds(times)


def _blocks(sequences: Sequences, split: Split, grid: Grid) -> Runs:
    """The samples of a split as the longest runs there are, without context."""
    samples = played_samples(sequences, split, grid.segment_length, grid.frequency)
    rows = sequence_of(sequences, samples)
    begins = np.ones(len(samples), dtype=bool)
    begins[1:] = (np.diff(samples) != 1) | (np.diff(rows) != 0)
    heads = np.flatnonzero(begins)
    counts = np.diff(np.append(heads, len(samples)))
    return Runs(rows[heads].astype(np.int64), samples[heads], counts, np.zeros(len(heads), np.int64))
