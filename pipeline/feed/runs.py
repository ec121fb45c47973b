"""Runs: which consecutive samples of a split are played in one go, and how many of them only warm the state up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.feed.source import Source, sequence_of, split_samples
from hindcast.pipeline.store.index_types import Split


@dataclass(frozen=True)
class Runs:
    """Runs of consecutive samples of one sequence each; all arrays have one entry per run.

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


def training_runs(source: Source, split: Split, run_length: int | None = None, warm_up: int = 0) -> Runs:
    """The runs of a split for training, of at most `run_length` steps (rounded down to samples, at least one).

    A longer run is cut into parts as equal as possible. Up to `warm_up` steps before a cut (rounded up to samples) are
    played again as the part's context.
    """
    whole = _longest_runs(source, split)
    if run_length is None:
        return whole
    longest = max(1, run_length // source.segment_length)
    parts = -(-whole.sample_count // longest)
    run = np.repeat(np.arange(len(whole)), parts)
    part = np.arange(len(run)) - np.repeat(np.cumsum(parts) - parts, parts)
    start = whole.sample_count[run] * part // parts[run]
    stop = whole.sample_count[run] * (part + 1) // parts[run]
    before = np.minimum(-(-warm_up // source.segment_length), start)
    first = whole.first_sample[run] + start - before
    return Runs(whole.sequence[run], first, stop - start + before, before)


def evaluation_runs(source: Source, split: Split, context: int) -> Runs:
    """The runs of a split for validation and test: whole, each begun `context` steps before its first scored step.

    The context is rounded up to whole samples and ends at the sequence's start; it may lie in the split before.
    """
    sequences, span = source.sequences, source.segment_length * source.frequency
    whole = _longest_runs(source, split)
    first = sequences.first_sample[whole.sequence].astype(np.int64)
    start = sequences.start_time[whole.sequence] + (whole.first_sample - first) * span
    # rounded up: where groups have different grid offsets, a border may lie inside a step
    unscored = -((start - np.clip(split.from_time, start, start + span)) // source.frequency)
    wanted = -(-np.maximum(context - unscored, 0) // source.segment_length)
    before = np.minimum(wanted, whole.first_sample - first)
    return Runs(whole.sequence, whole.first_sample - before, whole.sample_count + before, before)


def _longest_runs(source: Source, split: Split) -> Runs:
    """All samples of a split in as few runs as possible, without context."""
    samples = split_samples(source, split)
    rows = sequence_of(source, samples)
    begins = np.ones(len(samples), dtype=bool)
    begins[1:] = (np.diff(samples) != 1) | (np.diff(rows) != 0)
    heads = np.flatnonzero(begins)
    counts = np.diff(np.append(heads, len(samples)))
    return Runs(rows[heads].astype(np.int64), samples[heads], counts, np.zeros(len(heads), np.int64))
