"""The steps of a data set as one long table, block by block in the order of its samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from hindcast.pipeline.arrays import Flags, Ints, Times, Values
from hindcast.pipeline.feed.row_columns import name_columns, unique_ids
from hindcast.pipeline.feed.source import read_weights, scored_steps, split_samples
from hindcast.pipeline.settings.base import HOUR
from hindcast.pipeline.settings.raw import RawSettings
from hindcast.pipeline.store.index_types import Split
from hindcast.pipeline.store.reader import Dataset

KEYS = ("unique_id", "group", "series", "track", "origin", "valid_time", "lead")
SPLIT = "split"

_BLOCK_STEPS = 1 << 17  # steps read together: 9 MB of X with 17 features
_STAMP = pa.timestamp("ns", "UTC")


def row_schema(dataset: Dataset) -> pa.Schema:
    """Return the columns of the long table.

    `unique_id` is `group/series`, and `group/series/track` in a data set with several tracks, where `%` and `/` in a name
    are written `%25` and `%2F`; `lead` is the time from `origin` to the start of the step in hours. The times are UTC;
    features, targets, published forecasts and weights are float32 in physical units, null where there is none. `split` is
    null for steps that no split scores; their weight is 0.
    """
    columns = name_columns(dataset.features, dataset.targets, (*KEYS, SPLIT))
    numbers = (*columns.features, *columns.targets, *columns.published, *columns.weights)
    texts = [(name, pa.string()) for name in KEYS[:3]]
    times = [("track", pa.int32()), ("origin", _STAMP), ("valid_time", _STAMP), ("lead", pa.float64())]
    return pa.schema([*texts, *times, *((name, pa.float32()) for name in numbers), (SPLIT, pa.string())])


def long_rows(dataset: Dataset, raw: RawSettings) -> Iterator[pa.Table]:
    """Yield the steps of all sequences without padding, ordered by (group, series, track, time), in tables of some 100,000."""
    block = max(1, _BLOCK_STEPS // dataset.segment_length)
    blocks = _Blocks(dataset, raw, row_schema(dataset), _names(dataset), _played(dataset))
    for start in range(0, dataset.sample_count, block):
        yield blocks.read(np.arange(start, min(start + block, dataset.sample_count)))


@dataclass(frozen=True)
class _Blocks:
    """Reads blocks of consecutive samples; `names` are the columns of text by sequence, `played` the samples of each split."""

    dataset: Dataset
    raw: RawSettings
    schema: pa.Schema
    names: Sequence[Sequence[str]]
    played: Sequence[tuple[Split, Ints]]

    def read(self, samples: Ints) -> pa.Table:
        """Return the steps of these samples."""
        dataset, table = self.dataset, self.dataset.sequences
        rows = dataset.sequence_of(samples)
        step = (samples - table.first_sample[rows])[:, None] * dataset.segment_length
        step = step + np.arange(dataset.segment_length)
        real = step < table.step_count[rows][:, None]
        sequence = np.broadcast_to(rows[:, None], real.shape)[real]
        time = table.start_time[sequence] + step[real] * dataset.frequency
        origin = dataset.read("origin", samples)[real]
        split, weights = self._scored(samples)
        known = dataset.read("W", samples)[real] > 0
        first = int(rows[0])
        texts = [pa.array(names[first : int(rows[-1]) + 1]) for names in self.names]
        lead = (self._begins(sequence, time) - origin) / HOUR
        columns = [
            *(names.take(pa.array(sequence - first)) for names in texts),
            pa.array(table.track[sequence].astype(np.int32)),
            pa.array(origin).cast(_STAMP),
            pa.array(time).cast(_STAMP),
            pa.array(lead),
            *map(pa.array, _columns(dataset.read("X", samples)[real])),
            *_known(_columns(dataset.read("Y", samples)[real]), known.T),
            *(pa.array(own, from_pandas=True) for own in _columns(dataset.read("published", samples)[real])),
            *map(pa.array, _columns(weights[real])),
            self._split_names(split[real]),
        ]
        return pa.Table.from_arrays(columns, schema=self.schema)

    def _scored(self, samples: Ints) -> tuple[Ints, Values]:
        """Return the number of the split that scores each step, -1 for none, and its weights, 0 there."""
        shape = (len(samples), self.dataset.segment_length)
        number = np.full(shape, -1, np.int64)
        weights = np.zeros((*shape, len(self.dataset.targets)), np.float32)
        for place, (split, played) in enumerate(self.played):
            own = played[
                np.searchsorted(played, samples[0]) : np.searchsorted(played, samples[-1], side="right")
            ]
            if len(own):
                at, scored = own - samples[0], scored_steps(self.dataset, split, own)
                number[at] = np.where(scored, place, number[at])
                found = read_weights(self.dataset, split.name, own)
                weights[at] = np.where(scored[..., None], found, weights[at])
        return number, weights

    def _split_names(self, number: Ints) -> pa.Array:
        names = pa.array([split.name for split, _ in self.played], pa.string())
        return names.take(pa.array(number, mask=number < 0))

    def _begins(self, sequence: Ints, time: Times) -> Times:
        """Return when the steps start, which for steps of local days is not their name."""
        if not self.raw.has_local_days:
            return time
        begins, groups = time.copy(), self.dataset.sequences.group[sequence]
        for group in dict.fromkeys(groups):
            own: Flags = groups == group
            begins[own] = self.raw.stamp_grid(None, group).instants(time[own])
        return begins


def _played(dataset: Dataset) -> list[tuple[Split, Ints]]:
    splits = [dataset.split(name) for name in dataset.splits if "/" not in name]
    return [(split, split_samples(dataset, split)) for split in splits]


def _names(dataset: Dataset) -> list[list[str]]:
    """Return unique_id, group and series of each sequence."""
    table = dataset.sequences
    return [unique_ids(table).tolist(), list(map(str, table.group)), list(map(str, table.series))]


def _columns(values: Values) -> Values:
    columns: Values = np.ascontiguousarray(values.T)
    return columns


def _known(columns: Values, known: Flags) -> list[pa.Array]:
    return [pa.array(column, mask=~of_column) for column, of_column in zip(columns, known, strict=True)]
