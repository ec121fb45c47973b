"""Series by number: what a network knows a series by, 0 being one that it has never seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.feed.runs import played_samples, sequence_of
from hindcast.pipeline.feed.source import Source, grid_of
from hindcast.pipeline.store.types import Sequences

Key = tuple[str, str]  # group, series


def series_of(dataset: Source, split: str) -> tuple[Key, ...]:
    """The (group, series) that a split plays, in the data set's order."""
    sequences = dataset.sequences
    samples = played_samples(sequences, dataset.split(split), grid_of(dataset))
    rows = np.unique(sequence_of(sequences, samples))
    return tuple(dict.fromkeys(_key(sequences, row) for row in rows))


def series_numbers(
    sequences: Sequences, known: Sequence[Key], groups: Sequence[str] = ()
) -> npt.NDArray[np.int32]:
    """For each sequence the index of its series: its place (from 1) among the known ones.

    Where it is none of them, the place of its group among `groups`, counted on behind the series; else 0.
    """
    numbers: dict[Key | str, int] = {key: number for number, key in enumerate(known, start=1)}
    numbers |= {group: number for number, group in enumerate(groups, start=len(known) + 1)}
    keys = (_key(sequences, row) for row in range(len(sequences)))
    return np.array([numbers.get(key) or numbers.get(key[0], 0) for key in keys], np.int32)


def name_of(sequences: Sequences, row: int) -> str:
    """What a message calls a sequence."""
    group, series = _key(sequences, row)
    return f"series {series!r} of group {group!r}, track {int(sequences.track[row])}"


def _key(sequences: Sequences, row: int) -> Key:
    return str(sequences.group[row]), str(sequences.series[row])
