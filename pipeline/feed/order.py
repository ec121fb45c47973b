"""The order of rows in an epoch: a pure function of (seed, epoch, place), of which any part can be computed alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Protocol

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Ints

_Words = npt.NDArray[np.uint64]
_ROUNDS = 6


class Order(Protocol):
    """Rows 0..count-1, each exactly once.

    Places are cut into stretches, whose rows lie in a bounded part of the data: a stretch is read at once.
    """

    @property
    def count(self) -> int:
        """How many rows there are."""

    @property
    def stretches(self) -> Ints:
        """First place of each stretch, and `count` at the end."""

    def rows(self, start: int, stop: int) -> Ints:
        """The rows at places [start, stop); places beyond the last row are left out."""


@dataclass(frozen=True)
class InOrder:
    """Rows as they are numbered, `length` of them per stretch."""

    count: int
    length: int

    @property
    def stretches(self) -> Ints:
        """First place of each stretch, and `count` at the end."""
        return np.append(np.arange(0, self.count, self.length), self.count)

    def rows(self, start: int, stop: int) -> Ints:
        """The rows at places [start, stop)."""
        return np.arange(start, max(start, min(stop, self.count)))


@dataclass(frozen=True)
class BlockShuffle:
    """Rows 0..count-1 in an order drawn from (seed, epoch): every row exactly once.

    Blocks of `block` neighbouring rows are put in random order; the rows of `pool` such blocks in succession are
    then mixed. A pool that holds all blocks is a full shuffle. A pool is a stretch: only its rows need be in memory.
    """

    count: int
    block: int
    pool: int
    seed: int
    epoch: int

    @property
    def stretches(self) -> Ints:
        """First place of each pool, and `count` at the end."""
        starts = np.arange(-(-self._block_count // self.pool) + 1) * (self.pool * self.block)
        starts = np.minimum(starts, self._block_count * self.block)
        starts[starts > self._short_place] -= self._missing
        return starts

    def rows(self, start: int, stop: int) -> Ints:
        """The rows at places [start, stop) of the order; places beyond the last row are left out."""
        stop, parts = min(stop, self.count), [np.zeros(0, np.int64)]
        while start < stop:
            pool = self._pool_of(start)
            first, end = self._bounds(pool)
            mixed = Permutation(end - first, (self.seed, self.epoch, pool + 1))
            parts.append(self._before_mixing(pool, mixed.at(np.arange(start, min(stop, end)) - first)))
            start = end
        return np.concatenate(parts)

    def _before_mixing(self, pool: int, places: Ints) -> Ints:
        """The rows at places of a pool before it is mixed: its blocks one after another, one of which may be short."""
        first = pool * self.pool * self.block
        before = places + first
        if first <= self._short_place:
            before[before >= self._short_place + self.block - self._missing] += self._missing
        block, offset = np.divmod(before, self.block)
        own = np.arange(pool * self.pool, min((pool + 1) * self.pool, self._block_count))
        rows: Ints = self._blocks.at(own)[block - own[0]] * self.block + offset
        return rows

    def _pool_of(self, place: int) -> int:
        size = self.pool * self.block
        pool = place // size
        return pool + 1 if self._bounds(pool)[1] <= place else pool

    def _bounds(self, pool: int) -> tuple[int, int]:
        """The first place of a pool and of the one after it."""
        size = self.pool * self.block
        ends = (pool * size, min((pool + 1) * size, self._block_count * self.block))
        first, end = (end - self._missing if end > self._short_place else end for end in ends)
        return first, end

    @property
    def _block_count(self) -> int:
        return -(-self.count // self.block)

    @property
    def _missing(self) -> int:
        """How many rows the last block lacks."""
        return self._block_count * self.block - self.count

    @cached_property
    def _blocks(self) -> Permutation:
        return Permutation(self._block_count, (self.seed, self.epoch, 0))

    @cached_property
    def _short_place(self) -> int:
        """Where the last block, which may be short, begins in the order of blocks."""
        if not self.count:
            return 0
        return int(self._blocks.place_of(np.array([self._block_count - 1]))[0]) * self.block


def plan_shuffle(count: int, block: int, pool_rows: int, seed: int, epoch: int) -> BlockShuffle:
    """The best shuffle of `count` rows of which `pool_rows` may be in memory: a full one where all may.

    Otherwise by blocks of `block` rows (as many as are read at once anyway); at least two blocks are mixed.
    """
    if count <= pool_rows:
        return BlockShuffle(count, max(1, count), 1, seed, epoch)
    return BlockShuffle(count, block, max(2, pool_rows // block), seed, epoch)


@dataclass(frozen=True)
class Ranked:
    """The part of an order that belongs to process `rank` of `ranks`: of each batch of `batch_size` an equal part.

    The parts of all processes, rank after rank, are the batch of the global order, whatever `ranks` is. ValueError
    unless `batch_size` can be divided by `ranks`.
    """

    order: Order
    batch_size: int
    rank: int
    ranks: int

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.ranks:
            raise ValueError(f"rank must lie in [0, {self.ranks}), found {self.rank}")
        if self.batch_size % self.ranks:
            raise ValueError(
                f"a batch of {self.batch_size} cannot be cut into equal parts for {self.ranks} processes"
            )

    @property
    def count(self) -> int:
        """How many rows belong to this process."""
        return self._own_before(self.order.count)

    @property
    def stretches(self) -> Ints:
        """First place of each stretch, and `count` at the end."""
        return np.array([self._own_before(int(place)) for place in self.order.stretches], np.int64)

    def rows(self, start: int, stop: int) -> Ints:
        """The rows at places [start, stop) of this process's part."""
        stop, share = min(stop, self.count), self._share
        parts = [np.zeros(0, np.int64)]
        while start < stop:
            batch = start // share
            first, end = self._places_of(batch)
            begin, length = start - batch * share, min(stop, (batch + 1) * share) - start
            parts.append(self.order.rows(first + begin, min(first + begin + length, end)))
            start += length
        return np.concatenate(parts)

    @property
    def _share(self) -> int:
        return self.batch_size // self.ranks

    def _places_of(self, batch: int) -> tuple[int, int]:
        """The places of the global order that belong to this process in a batch; the last batch may be short."""
        start = batch * self.batch_size
        length = min(self.batch_size, self.order.count - start)
        return start + length * self.rank // self.ranks, start + length * (self.rank + 1) // self.ranks

    def _own_before(self, place: int) -> int:
        batch = place // self.batch_size
        first, end = self._places_of(batch)
        return batch * self._share + max(0, min(place, end) - first)


@dataclass(frozen=True)
class Permutation:
    """A permutation of 0..count-1 determined by `key`, integers; changing one of them changes the whole permutation.

    A Feistel network over two digits: any position is computed without the others. Results of `count` or more are
    permuted again (cycle walking).
    """

    count: int
    key: tuple[int, ...]

    def at(self, places: Ints) -> Ints:
        """The numbers at `places`, which lie in [0, count)."""
        return self._walk_cycle(places, partial(self._run_rounds, back=False))

    def place_of(self, values: Ints) -> Ints:
        """The places of `values`, which lie in [0, count)."""
        return self._walk_cycle(values, partial(self._run_rounds, back=True))

    def _walk_cycle(self, numbers: Ints, once: Callable[[_Words], _Words]) -> Ints:
        found = once(np.asarray(numbers).astype(np.uint64))
        outside = np.flatnonzero(found >= self.count)
        while len(outside):
            found[outside] = once(found[outside])
            outside = outside[found[outside] >= self.count]
        answer: Ints = found.astype(np.int64)
        return answer

    def _run_rounds(self, numbers: _Words, *, back: bool) -> _Words:
        """All rounds, each of which changes one digit by a mix of the other; `back`: in reverse, undoing each."""
        digits = list(np.divmod(numbers, self._radices[1]))
        for number in reversed(range(_ROUNDS)) if back else range(_ROUNDS):
            own, radix = number % 2, self._radices[number % 2]
            mixed = _mix(digits[1 - own], self._keys[number])
            digits[own] = (digits[own] + (radix - mixed % radix if back else mixed)) % radix
        answer: _Words = digits[0] * self._radices[1] + digits[1]
        return answer

    @cached_property
    def _radices(self) -> _Words:
        first = max(1, math.isqrt(max(0, self.count - 1)) + 1)
        return np.array([first, max(1, -(-self.count // first))], np.uint64)

    @cached_property
    def _keys(self) -> _Words:
        return np.random.SeedSequence(self.key).generate_state(_ROUNDS, np.uint64).astype(np.uint64)


def _mix(half: _Words, key: np.uint64) -> _Words:
    """Each half as 32 bits that depend on every bit of it and of the key: products of odd constants, shifted back."""
    mixed: _Words = (half ^ key) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    upper: _Words = mixed >> np.uint64(32)  # sums with a half below 2**32 stay exact
    return upper
