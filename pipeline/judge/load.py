"""Data set -> tables: actual values, the published forecast and baselines at the scored rows, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.feed.scored_rows import Rows
from hindcast.pipeline.feed.source import Source
from hindcast.pipeline.judge.table import Floats, Names, Table
from hindcast.pipeline.store.index_types import Sequences

_BLOCK_VALUES = 1 << 23  # values of one array read at a time: 32 MiB of float32


class Judged(Source, Protocol):
    """What the judge needs of a data set beyond what feeding needs."""

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the columns of X."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the columns of Y."""

    @property
    def target_units(self) -> tuple[str, ...]:
        """Units of the targets."""

    @property
    def baselines(self) -> tuple[str, ...]:
        """Names of the last axis of `baseline`."""


def names_of(sequences: Sequences) -> tuple[Names, NDArray[np.int32]]:
    """The names of groups and series, and the series index of each sequence."""
    keys = list(zip(map(str, sequences.group), map(str, sequences.series), strict=True))
    places: dict[tuple[str, str], int] = {}
    series_of = np.array([places.setdefault(key, len(places)) for key in keys], np.int32)
    groups = tuple(dict.fromkeys(group for group, _ in places))
    index = {group: place for place, group in enumerate(groups)}
    group_of = np.array([index[group] for group, _ in places], np.int32)
    return Names(groups, tuple(series for _, series in places), group_of), series_of


def in_blocks(
    dataset: Judged, rows: Rows, width: int
) -> Iterator[tuple[slice, Callable[[str], NDArray[Any]]]]:
    """(rows, read) where read(name) gives the array `name` at those rows; `width` values a step are expected."""
    samples = max(1, _BLOCK_VALUES // (dataset.segment_length * max(1, width)))
    start = 0
    while start < len(rows):
        first = _distinct(rows.sample[start : start + samples * dataset.segment_length])[:samples]
        stop = int(np.searchsorted(rows.sample, first[-1], side="right"))
        yield slice(start, stop), _reader(dataset, rows, slice(start, stop), first)
        start = stop


def tables_of(  # noqa: PLR0917 - the six things a table is made of
    dataset: Judged,
    split: str,
    rows: Rows,
    forecasters: Sequence[str],
    names: Names,
    series_of: NDArray[np.int32],
    advance: Callable[[int], None],
) -> list[Table]:
    """One table a target with the columns of `forecasters` that the data set holds (not model, not trees)."""
    targets = len(dataset.targets)
    stored = [name for name in forecasters if name == "published" or name in dataset.baselines]
    origin = np.empty(len(rows), np.int64)
    columns = np.empty((targets, 1 + len(stored), len(rows)), np.float32)
    for place, read in in_blocks(dataset, rows, targets * len(dataset.baselines)):
        origin[place] = read("origin")
        columns[:, 0, place] = np.where(read("W") > 0, read("Y"), np.nan).T
        _fill(columns[:, 1:, place], read, stored, dataset.baselines)
        advance(place.stop - place.start)
    series = series_of[rows.sequence]
    track = np.asarray(dataset.sequences.track)[rows.sequence].astype(np.int16)
    return [
        Table(
            split, name, unit, names, dataset.frequency, series, track, rows.time, origin,
            columns[index, 0], dict(zip(stored, columns[index, 1:], strict=True)),
        )
        for index, (name, unit) in enumerate(zip(dataset.targets, dataset.target_units, strict=True))
    ]  # fmt: skip


def _fill(
    columns: NDArray[np.float32],
    read: Callable[[str], NDArray[Any]],
    stored: list[str],
    baselines: tuple[str, ...],
) -> None:
    baseline = read("baseline")
    for place, name in enumerate(stored):
        values: Floats = read("published") if name == "published" else baseline[:, :, baselines.index(name)]
        columns[:, place] = values.T


def _distinct(ascending: NDArray[np.int64]) -> NDArray[np.int64]:
    first: NDArray[np.bool_] = np.diff(ascending, prepend=-1) != 0
    return ascending[first]


def _reader(
    dataset: Judged, rows: Rows, place: slice, samples: NDArray[np.int64]
) -> Callable[[str], NDArray[Any]]:
    local = np.searchsorted(samples, rows.sample[place])
    offset = rows.offset[place]

    def read(name: str) -> NDArray[Any]:
        values: NDArray[Any] = dataset.read(name, samples)[local, offset]
        return values

    return read
