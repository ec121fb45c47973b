"""What feeding needs of a data set, and which of its samples and steps a split scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import NOT_LEARNED, PUBLISHED_FLAGGED, Flags, Ints, Values
from hindcast.pipeline.store.index_types import Sequences, Split, played_samples


class Source(Protocol):
    """Samples that can be read in any order: `pipeline.store.reader.Dataset`, or arrays in memory."""

    @property
    def segment_length(self) -> int:
        """Steps per sample."""

    @property
    def chunk_samples(self) -> int:
        """How many samples are read together if one is wanted."""

    @property
    def frequency(self) -> int:
        """The length of a step in ns."""

    @property
    def has_flagged(self) -> bool:
        """Whether there is the array `flagged`."""

    @property
    def sequences(self) -> Sequences:
        """The sequences that the samples are cut from."""

    def split(self, name: str) -> Split:
        """One part of the data set."""

    def read(self, name: str, samples: Ints) -> npt.NDArray[Any]:
        """The array `name` at `samples`, in the order asked for."""


def split_samples(source: Source, split: Split) -> Ints:
    """Every sample that holds scored steps of a split, ascending."""
    return played_samples(source.sequences, split, source.segment_length, source.frequency)


def sequence_of(source: Source, samples: Ints) -> Ints:
    """The row of `/sequences` to which each sample belongs."""
    return np.searchsorted(source.sequences.first_sample, samples, side="right") - 1


def read_weights(
    source: Source,
    split: str,
    samples: Ints,
    *,
    residual: bool = False,
    factors: Callable[[str, Ints], npt.NDArray[Any]] | None = None,
) -> Values:
    """The weights of samples (sample, step, target) in a split; in training, flagged and unusable targets have weight 0.

    `split` is the name of the split. With `residual` (the error of the published forecast is learned), targets
    whose published forecast is flagged have no weight either. Flags change no weight in validation and test. The weights are
    multiplied by `factors(split, samples)`, which are not negative (sample, step, target or 1).
    """
    weights: Values = source.read("W", samples)
    if source.has_flagged and split.rpartition("/")[2] == "train":
        out = NOT_LEARNED | PUBLISHED_FLAGGED if residual else NOT_LEARNED
        weights[source.read("flagged", samples) & out != 0] = 0
    if factors is not None:
        weights = (weights * factors(split, samples)).astype(np.float32)
    return weights


def scored_steps(source: Source, split: Split, samples: Ints) -> Flags:
    """Which steps of `samples` lie in the split's scored ranges: (sample, step). Regardless of weights and padding."""
    sequences, span = source.sequences, source.segment_length * source.frequency
    rows = sequence_of(source, samples)
    start = sequences.start_time[rows] + (samples - sequences.first_sample[rows]) * span
    # nearly always all of them lie inside, and looking at each step would cost more than reading them
    inside = (start >= split.from_time) & (start + span <= split.until_time)
    if not split.intervals and split.within is None and inside.all():
        return np.ones((len(samples), source.segment_length), bool)
    times = start[:, None] + np.arange(source.segment_length) * source.frequency
    return split.holds(times)
