"""Means and deviations of rows in two passes: of every series, every group, and all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

Key = tuple[str, ...]
"""(group, series), (group,), or () for all."""

Part = tuple[Key, Floats, npt.NDArray[np.bool_]]
"""Rows of one key: values (row, column) and which of them are there."""


@dataclass(frozen=True)
class Moments:
    """Of each column: rows, their mean (0 of none), and their deviation, 0 where they are all equal."""

    count: npt.NDArray[np.int64]
    mean: Floats
    deviation: Floats


def moments_of(
    rows: Callable[[], Iterator[Part]], columns: int, looked_at: Callable[[int], None]
) -> dict[Key, Moments]:
    """The moments of each key and of what is above it; `rows` is gone through twice, `looked_at` told of each row once."""
    seen: dict[Key, _Running] = {(): _Running(columns)}
    for key, values, present in rows():
        looked_at(len(values))
        seen.setdefault(key, _Running(columns)).add(values, present)
    for key, values, present in rows():
        seen[key].add_squares(values, present)
    finest = {key: running for key, running in seen.items() if key or len(seen) == 1}
    for key, running in finest.items():
        for length in range(len(key)):
            seen.setdefault(key[:length], _Running(columns)).take_in(running)
    for key, running in finest.items():
        for length in range(len(key)):
            above = seen[key[:length]]
            above.squares += running.squares + running.count * (running.mean - above.mean) ** 2
    return {key: running.made() for key, running in seen.items()}


class _Running:
    def __init__(self, columns: int) -> None:
        self.count, self.total, self.squares = (
            np.zeros(columns, np.int64),
            np.zeros(columns),
            np.zeros(columns),
        )
        self.low, self.high = np.full(columns, np.inf), np.full(columns, -np.inf)

    def add(self, values: Floats, present: npt.NDArray[np.bool_]) -> None:
        self.count += present.sum(axis=0)
        self.total += np.where(present, values, 0).sum(axis=0)
        self.low = np.minimum(self.low, np.where(present, values, np.inf).min(axis=0))
        self.high = np.maximum(self.high, np.where(present, values, -np.inf).max(axis=0))

    def add_squares(self, values: Floats, present: npt.NDArray[np.bool_]) -> None:
        self.squares += np.where(present, (values - self.mean) ** 2, 0).sum(axis=0)

    def take_in(self, part: _Running) -> None:
        self.count = self.count + part.count
        self.total = self.total + part.total
        self.low, self.high = np.minimum(self.low, part.low), np.maximum(self.high, part.high)

    @property
    def mean(self) -> Floats:
        return self.total / np.maximum(self.count, 1)

    def made(self) -> Moments:
        deviation = np.sqrt(self.squares / np.maximum(self.count, 1))
        return Moments(self.count, self.mean, np.where(self.low < self.high, deviation, 0.0))
