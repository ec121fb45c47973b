"""The order of rows in an epoch: a permutation of which any part can be asked for alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipeline.feed.runs import Ints


@dataclass(frozen=True)
class BlockShuffle:
    """Rows 0..count-1 in an order drawn from (seed, epoch): every row exactly once.

    Blocks of `block` neighbouring rows are put in random order; the rows of `pool` such blocks in succession are
    then mixed. A pool that holds all blocks is a full shuffle. Only one pool's rows are in memory at a time.
    """

    count: int
    block: int
    pool: int
    seed: int
    epoch: int

    def rows(self, start: int, stop: int) -> Ints:
        """The rows at places `[start, stop)` of the order; places beyond the last row are left out."""
        stop = min(stop, self.count)
        parts = []
        while start < stop:
            pool = self._pool_of(start)
            first, mixed = _mixed(self, pool)
            end = min(stop, first + len(mixed))
            parts.append(mixed[start - first : end - first])
            start = end
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def _pool_of(self, place: int) -> int:
        return int(np.searchsorted(_pool_starts(self), place, side="right")) - 1


@lru_cache(maxsize=4)
def _blocks(order: BlockShuffle) -> Ints:
    return np.random.default_rng([order.seed, order.epoch]).permutation(-(-order.count // order.block))


@lru_cache(maxsize=4)
def _pool_starts(order: BlockShuffle) -> Ints:
    blocks = _blocks(order)
    sizes = np.minimum(order.block, order.count - blocks * order.block)
    return np.concatenate([[0], np.cumsum(sizes)])[:: order.pool][: -(-len(blocks) // order.pool)]


@lru_cache(maxsize=4)
def _mixed(order: BlockShuffle, pool: int) -> tuple[int, Ints]:
    blocks = _blocks(order)[pool * order.pool : (pool + 1) * order.pool]
    rows = (blocks[:, None] * order.block + np.arange(order.block)).ravel()
    rows = rows[rows < order.count]
    mixed = np.random.default_rng([order.seed, order.epoch, pool]).permutation(rows)
    return int(_pool_starts(order)[pool]), mixed
