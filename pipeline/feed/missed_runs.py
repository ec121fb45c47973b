"""A data set as training sees it with `train.missing_runs`: forecasts without the issues that were drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.feed.source import Source
from hindcast.pipeline.store.index_types import Sequences, Split

_MISSED = {"X": "X_missed", "published": "published_missed"}


@dataclass(frozen=True)
class WithoutMissed:
    """The samples of a data set, with the arrays `X_missed` and `published_missed` as `X` and `published`."""

    dataset: Source

    @property
    def segment_length(self) -> int:
        """Steps per sample."""
        return self.dataset.segment_length

    @property
    def chunk_samples(self) -> int:
        """How many samples are read together if one is wanted."""
        return self.dataset.chunk_samples

    @property
    def frequency(self) -> int:
        """The length of a step in ns."""
        return self.dataset.frequency

    @property
    def has_flagged(self) -> bool:
        """Whether there is the array `flagged`."""
        return self.dataset.has_flagged

    @property
    def sequences(self) -> Sequences:
        """The sequences that the samples are cut from."""
        return self.dataset.sequences

    def split(self, name: str) -> Split:
        """One part of the data set."""
        return self.dataset.split(name)

    def read(self, name: str, samples: Ints) -> npt.NDArray[Any]:
        """The array `name` at `samples`, in the order asked for, without the drawn issues."""
        return self.dataset.read(_MISSED.get(name, name), samples)
