"""Batches of an epoch cut from stretches: what segments, windows and lanes have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from hindcast.pipeline.feed.columns import Columns, Example, Named
from hindcast.pipeline.feed.order import InOrder, Order, Ranked, shuffled
from hindcast.pipeline.feed.prefetch import HELD, Prefetcher
from hindcast.pipeline.feed.runs import Ints
from hindcast.pipeline.feed.source import Source

MEMORY_BYTES = 256 << 20
"""What a stream may hold if nothing is said, beside what its source keeps."""


@dataclass(frozen=True)
class Stream(ABC):
    """The batches of one epoch, each a pure function of its number: ask for any, in any order, from any process.

    `batch_size` rows a batch, the remainder as a last, shorter one. `shuffle`: the order of rows is drawn from
    (`seed`, `epoch`); rows are mixed as far as `memory_bytes` reaches, through and through where all fit. `rank` of
    `ranks`: the part of each batch that falls to one of several training processes, whose parts together are the batch
    that one process alone would see.

    A plain `for` walks the batches in order; what they are cut from is read in the background.
    """

    source: Source
    split: str
    batch_size: int
    columns: Columns
    seed: int = 0
    epoch: int = 0
    shuffle: bool = True
    memory_bytes: int = MEMORY_BYTES
    rank: int = 0
    ranks: int = 1

    def __post_init__(self) -> None:
        if not (self.batch_size > 0 and 0 <= self.rank < self.ranks and self.batch_size % self.ranks == 0):
            raise ValueError(
                f"a batch holds an equal part of at least a row for each process: found batch_size={self.batch_size}, "
                f"rank={self.rank}, ranks={self.ranks}"
            )

    def __len__(self) -> int:
        return math.ceil(self.row_count / self.batch_size)

    def __getitem__(self, number: int) -> Example:
        if not 0 <= number < self._batch_count:
            raise IndexError(f"an epoch of {len(self)} batches has no batch {number}")
        start = number * self._share
        return self.items(start, min(start + self._share, self._ends[-1]))

    def __iter__(self) -> Iterator[Example]:
        for number in range(len(self)):
            yield self[number]

    def at(self, epoch: int) -> Self:
        """The same stream in the order of another epoch."""
        return replace(self, epoch=epoch)

    def items(self, start: int, stop: int) -> Example:
        """What stands at places [start, stop) of this process's order."""
        ends = self._ends
        first = bisect_right(ends, start) - 1
        if start < stop <= ends[first + 1]:  # as a rule
            return self._picked(self._stretches[first], start - ends[first], stop - ends[first])
        parts = []
        while start < stop:
            until = min(stop, ends[first + 1])
            if until > start:
                parts.append(self._picked(self._stretches[first], start - ends[first], until - ends[first]))
            start, first = max(start, until), first + 1
        return _joined(parts) if parts else self.examples(np.zeros(0, np.int64))

    def examples(self, rows: Ints) -> Example:
        """Given rows, whatever the order, read for themselves alone."""
        return self._picked(self._made(rows), 0, len(rows))

    @cached_property
    def order(self) -> Order:
        """The rows of the epoch that fall to this process."""
        pool = max(1, self.memory_bytes // HELD // self._row_bytes)
        whole: Order = InOrder(self.row_count, pool)
        if self.shuffle:
            whole = shuffled(self.row_count, self._block_rows, pool, self.seed, self.epoch)
        return Ranked(whole, self.batch_size, self.rank, self.ranks) if self.ranks > 1 else whole

    def close(self) -> None:
        """End the thread that reads ahead and let go of what was read; asking goes on working."""
        self._stretches.close()

    @property
    @abstractmethod
    def row_count(self) -> int:
        """Rows an epoch, of all processes together."""

    @property
    @abstractmethod
    def _row_bytes(self) -> int:
        """Memory a row of a stretch."""

    @property
    @abstractmethod
    def _block_rows(self) -> int:
        """Rows that are read at once anyway."""

    @abstractmethod
    def _made(self, rows: Ints) -> Any:
        """What batches of these rows are cut from."""

    @abstractmethod
    def _picked(self, made: Any, start: int, stop: int) -> Example:
        """The rows at places [start, stop) of what was made."""

    @cached_property
    def _batch_count(self) -> int:
        return len(self)

    @cached_property
    def _share(self) -> int:
        return self.batch_size // self.ranks

    @cached_property
    def _ends(self) -> list[int]:
        ends: list[int] = self.order.stretches.tolist()
        return ends

    @cached_property
    def _stretches(self) -> Prefetcher[Any]:
        # by a twin, so that there is no circle: who lets go of a stream lets go of its memory and thread at once
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return Prefetcher(twin._stretch, len(self._ends) - 1)

    def _stretch(self, number: int) -> Any:
        return self._made(self.order.rows(self._ends[number], self._ends[number + 1]))

    def __getstate__(self) -> dict[str, Any]:
        """Without what is cached: threads do not travel."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


def frozen(values: Named) -> Named:
    """Arrays that are handed out as views of what later batches are cut from, and so must not be changed."""
    for one in values.values():
        one.flags.writeable = False
    return values


def _joined(parts: Sequence[Example]) -> Example:
    if len(parts) == 1:
        return parts[0]
    together = [
        {name: np.concatenate([part[place][name] for part in parts]) for name in parts[0][place]}
        for place in range(3)
    ]
    return together[0], together[1], together[2]
