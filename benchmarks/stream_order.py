"""Figures for how well an order is shuffled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hindcast.pipeline.feed.order import Order

_SAMPLE = 1 << 20  # positions examined, in runs spread over the order: the figures converge with far fewer


@dataclass(frozen=True)
class Quality:
    """How well an order is shuffled.

    - `travelled`: the mean distance between a row and its position, as a share of all rows (random order: 1/3).
    - `neighbours`: the correlation of consecutive rows (random order: 0).
    - `same_block`: how often the next row is within 64 rows of this one (random order: almost never).
    """

    travelled: float
    neighbours: float
    same_block: float


def measure_quality(order: Order) -> Quality:
    """Measure the quality of an order of at least two rows; of a long order, 64 runs spread over it are examined."""
    length = -(-min(order.count, _SAMPLE) // 64)
    starts = np.unique(np.linspace(0, max(0, order.count - length), 64).astype(np.int64))
    runs = [order.rows(int(start), int(start) + length) for start in starts]
    places = np.concatenate([start + np.arange(len(run)) for start, run in zip(starts, runs, strict=True)])
    rows = np.concatenate(runs)
    pairs = np.concatenate([np.stack([run[:-1], run[1:]]) for run in runs], axis=1)
    return Quality(
        travelled=float(np.abs(rows - places).mean() / order.count),
        neighbours=float(np.corrcoef(pairs)[0, 1]),
        same_block=float((np.abs(pairs[1] - pairs[0]) < 64).mean()),
    )
