"""What feeding needs of a data set: `pipeline.store.reader.Dataset` offers it, and so do arrays in memory."""

from __future__ import annotations

from typing import Any, Protocol

import numpy.typing as npt

from hindcast.pipeline.arrays import Ints
from hindcast.pipeline.feed.runs import Grid
from hindcast.pipeline.store.index_types import Sequences, Split


class Source(Protocol):
    """Samples that can be read in any order."""

    @property
    def segment_length(self) -> int:
        """Steps a sample."""

    @property
    def chunk_samples(self) -> int:
        """How many samples are read at once if one is wanted."""

    @property
    def frequency(self) -> int:
        """The length of a step in ns."""

    @property
    def sequences(self) -> Sequences:
        """The sequences that the samples are cut from."""

    def split(self, name: str) -> Split:
        """One part of the data set."""

    def read(self, name: str, samples: Ints) -> npt.NDArray[Any]:
        """The array `name` at `samples`, in the order asked for."""


def grid_of(source: Source) -> Grid:
    """The regular steps of a data set."""
    return Grid(source.segment_length, source.frequency)
