"""The training rows of X and Y, read in blocks, and their sums for each series or group, added up by the engine's workers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from hindcast.pipeline.arrays import NOT_LEARNED, Flags, Ints, Values
from hindcast.pipeline.engine import map_in_order
from hindcast.pipeline.split.exact_sums import Sums
from hindcast.pipeline.split.steps import Read, Steps, flag_scored, samples_per_block
from hindcast.pipeline.store.index_types import Split

Key = tuple[str, ...]
"""(group, series), (group,) or ()."""

_ROWS_PER_PART = 1 << 20  # a part is one item of the engine: half a second of work
_FEW_VALUES = 1 << 27  # of X: added up in two seconds, as long as processes take to start


@dataclass(frozen=True)
class Columns:
    """The names of X's features and Y's targets; `masks[i]` is the feature that is 1 where feature i is missing, or -1.

    `common` holds the indices of features that mean the same in every series (as masks always do): all series and groups
    share one scale. With a scale fitted to two months of a series, the day of the year would soon be far out of range.
    """

    features: Sequence[str]
    masks: Ints
    targets: Sequence[str]
    common: frozenset[int] = frozenset()
    capacity: tuple[
        int, ...
    ] = ()  # of each target, the feature as a share of which it is learned, or -1; empty: none

    @property
    def own(self) -> Flags:
        """Return (feature,) flags: whether a series or group may have its own scale."""
        shared = self.common | set(self.masks[self.masks >= 0].tolist())
        return np.array([place not in shared for place in range(len(self.features))], bool)


@dataclass(frozen=True)
class TrainingRows:
    """The rows of the training split; a key has the first `length` names of (group, series)."""

    steps: Steps
    train: Split
    columns: Columns
    length: int

    def sums(self, kinds: Sequence[str], folder: Path | None) -> tuple[list[Key], dict[str, Sums]]:
        """Return the keys that have rows, and for each kind (`features`, `targets`) the sums (key, column) of its rows.

        The engine's workers read the rows from files in `folder`; without it, or if they are few, this process reads them.
        """
        parts = list(self._cut(_ROWS_PER_PART // self.steps.segment_length))
        rows = sum(len(part.samples) for part in parts) * self.steps.segment_length
        small = folder is None or rows * len(self.columns.features) < _FEW_VALUES
        add_up = partial(_sum_part, self._reader, tuple(kinds))
        found = map_in_order(add_up, parts, str, "scale", "part", small=small, folder=folder)
        keys = np.concatenate([np.zeros(0, np.int64), *(keys for keys, _ in found)])
        first = np.flatnonzero(np.diff(keys, prepend=-1))  # neighbouring parts may share a key
        if not len(first):
            return [], {}
        sums = {kind: Sums.joined([sums[kind] for _, sums in found]).merged(first) for kind in kinds}
        return [self._keys[key] for key in keys[first].tolist()], sums

    def parts(self, kind: str) -> Iterator[tuple[Key, Values, Flags]]:
        """Yield (key, values, counted) of the rows of one kind (`features`, `targets`); those of a key follow one another."""
        reader = self._reader
        for block in self._cut(samples_per_block(self.steps.segment_length)):
            inside, values, counted = reader.read(kind, block)
            edges = [*block.first_of_keys.tolist(), len(block.key)]
            for begin, end in pairwise(edges):
                rows = inside[begin:end]
                if rows.any():
                    key = self._keys[int(block.key[begin])]
                    yield key, values[begin:end][rows], counted[begin:end][rows]

    def _cut(self, longest: int) -> Iterator[_Part]:
        samples = np.flatnonzero(self.steps.played(self.train))
        for first in range(0, len(samples), max(1, longest)):
            some = samples[first : first + max(1, longest)]
            key = self._key_of_sequence[self.steps.sequence[some]]
            yield _Part(some, self.steps.start[some], self.steps.stop[some], key)

    @property
    def _reader(self) -> _Reader:
        train = replace(self.train, indices=np.zeros(0, np.int64))  # the parts hold the samples
        steps = self.steps
        return _Reader(
            steps.read,
            train,
            self.columns,
            steps.segment_length,
            steps.frequency,
            has_flagged=steps.has_flagged,
        )

    @cached_property
    def _key_of_sequence(self) -> Ints:
        """The number of each sequence's key: sequences are ordered by group and series."""
        table = self.steps.sequences
        is_new = np.zeros(len(table), bool)
        for names in (table.group, table.series)[: self.length]:
            is_new[1:] |= names[1:] != names[:-1]
        number: Ints = np.cumsum(is_new)
        return number

    @cached_property
    def _keys(self) -> list[Key]:
        first = np.flatnonzero(np.diff(self._key_of_sequence, prepend=-1))
        table = self.steps.sequences
        names = [column[first].tolist() for column in (table.group, table.series)[: self.length]]
        return list(zip(*(map(str, column) for column in names), strict=True)) if names else [()]


@dataclass(frozen=True)
class _Part:
    """Some samples, ascending: where the steps of each start and stop (ns), and the number of its key."""

    samples: Ints
    start: Ints
    stop: Ints
    key: Ints

    @property
    def first_of_keys(self) -> Ints:
        """The place of the first sample of each key."""
        return np.flatnonzero(np.diff(self.key, prepend=-1))

    def blocks(self, longest: int) -> Iterator[_Part]:
        for first in range(0, len(self.samples), longest):
            some = slice(first, first + longest)
            yield _Part(self.samples[some], self.start[some], self.stop[some], self.key[some])


@dataclass(frozen=True)
class _Reader:
    """Reads X, Y and the flags of rows that count; goes to the engine's workers."""

    array: Read
    train: Split
    columns: Columns
    segment_length: int
    frequency: int
    has_flagged: bool

    def read(self, kind: str, part: _Part) -> tuple[Flags, Values, Flags]:
        """Return which steps are training rows (sample, step), their values (sample, step, column), and which of these count."""
        times = part.start[:, None] + np.arange(self.segment_length) * self.frequency
        inside = flag_scored(self.train, times, part.stop)
        if kind == "targets":
            counted = self.array("W", part.samples) > 0
            if self.has_flagged:
                counted &= self.array("flagged", part.samples) & NOT_LEARNED == 0
            targets, counted = self.array("Y", part.samples), counted & inside[..., None]
            return inside, *self._shares(targets, counted, part)
        values = self.array("X", part.samples)
        counted = np.repeat(inside[..., None], values.shape[-1], axis=-1)
        masked = np.flatnonzero(self.columns.masks >= 0)
        counted[..., masked] &= values[..., self.columns.masks[masked]] == 0
        return inside, values, counted

    def _shares(self, targets: Values, counted: Flags, part: _Part) -> tuple[Values, Flags]:
        """Return targets as shares of their capacity, and which of them count: those with a capacity above 0."""
        if not self.columns.capacity:
            return targets, counted
        inputs, targets, counted = self.array("X", part.samples), targets.copy(), counted.copy()
        for target, feature in enumerate(self.columns.capacity):
            if feature >= 0:
                size = inputs[..., feature]
                counted[..., target] &= size > 0
                targets[..., target] /= np.where(size > 0, size, np.float32(1))
        return targets, counted


def _sum_part(reader: _Reader, kinds: Sequence[str], part: _Part) -> tuple[Ints, dict[str, Sums]]:
    """Return the keys that have rows in a part, and the sums (key, column) of each kind."""
    keys: list[Ints] = []
    sums: dict[str, list[Sums]] = {kind: [] for kind in kinds}
    for block in part.blocks(samples_per_block(reader.segment_length)):
        first = block.first_of_keys
        for kind in kinds:
            inside, values, counted = reader.read(kind, block)
            has_rows = np.logical_or.reduceat(inside.any(axis=1), first)
            values, counted = (
                values.reshape(-1, values.shape[-1]),
                counted.reshape(-1, values.shape[-1]),
            )
            runs = Sums.of_runs(values, counted, first * reader.segment_length)
            sums[kind].append(runs.run(has_rows))
        keys.append(block.key[first][has_rows])
    found = np.concatenate(keys)
    first = np.flatnonzero(np.diff(found, prepend=-1))
    return found[first], {kind: Sums.joined(parts).merged(first) for kind, parts in sums.items()}
