"""Count, sum and sum of squares of columns of float32 as whole numbers: no order and no cut of the rows changes a bit.

Every float32 is a whole number of 2**-149, so sums of values and of their squares are kept as Python's integers, and a
mean or deviation is rounded once, at the end. Large means over small noise lose nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Flags, Floats, Ints

Wholes = npt.NDArray[np.object_]  # of int

_UNIT = 149  # the smallest float32 is 2**-149
_BITS = 24  # of a float32's mantissa
_WIDTH = 52  # bits of the whole numbers that are squared: two halves, whose products sum up in int64
_HALF = _WIDTH // 2
_ROWS = 1 << (62 - _WIDTH)  # products of 52 bits that an int64 adds up without overflow
_PIECE = 4 * _ROWS  # rows at a time: what they need stays in the processor's cache


@dataclass(frozen=True)
class Sums:
    """Of each of C columns: how many values, their sum in units of 2**-149, and that of their squares in 2**-298.

    `broken` columns held NaN or infinity; their sums leave these out.
    """

    count: Ints
    total: Wholes
    squares: Wholes
    broken: Flags

    @classmethod
    def none(cls, columns: int) -> Sums:
        """The sums of no rows."""
        zeros = np.array([0] * columns, object)
        return cls(np.zeros(columns, np.int64), zeros, zeros, np.zeros(columns, bool))

    @classmethod
    def of(cls, values: npt.NDArray[np.float32], counted: Flags) -> Sums:
        """The sums of the counted values of a block: both (row, column)."""
        found = cls.none(values.shape[1])
        for start in range(0, len(values), _PIECE):
            piece, there = values[start : start + _PIECE], counted[start : start + _PIECE]
            found = found.merged(cls._of_piece(piece, there))
        return found

    @classmethod
    def _of_piece(cls, values: npt.NDArray[np.float32], counted: Flags) -> Sums:
        taken = np.where(counted, values, np.float32(0)).T.astype(np.float64)
        finite = np.isfinite(taken)
        if not finite.all():
            taken[~finite] = 0
        total, squares = (np.array([0] * len(taken), object) for _ in range(2))
        for whole, exponent in _as_wholes(taken):
            one, two = _summed(whole)
            total += one << exponent
            squares += two << (2 * exponent)
        broken: Flags = ~np.all(finite, axis=1)
        return cls(counted.sum(axis=0), total, squares, broken)

    def merged(self, other: Sums) -> Sums:
        """The sums of both, in whichever order."""
        return Sums(
            self.count + other.count,
            self.total + other.total,
            self.squares + other.squares,
            self.broken | other.broken,
        )

    @property
    def mean(self) -> Floats:
        """The mean of each column, rounded once; 0 of no values."""
        return np.array(
            [
                total / (count << _UNIT) if count else 0.0
                for total, count in zip(self.total, self.count.tolist(), strict=True)
            ]
        )

    @property
    def deviation(self) -> Floats:
        """The population's standard deviation of each column; 0 of one that is constant or empty."""
        columns = zip(self.total, self.squares, self.count.tolist(), strict=True)
        return np.array([_deviation(*column) for column in columns])


def _deviation(total: int, squares: int, count: int) -> float:
    if not count:
        return 0.0
    return math.sqrt((count * squares - total**2) / (count**2 << 2 * _UNIT))


def _as_wholes(values: Floats) -> Iterator[tuple[Ints, Wholes]]:
    """Columns (C, row) as whole numbers below 2**52 times 2**(exponent - 149), a band of magnitudes after another.

    Values of one band span at most 28 powers of two, with 24 bits each; most columns are one band.
    """
    while True:
        size = np.abs(values)
        top = size.max(axis=1, initial=0)
        if not top.any():
            return
        least = np.min(size, axis=1, where=size > 0, initial=np.inf)
        lowest = np.maximum(np.frexp(np.where(top > 0, least, 1))[1] - _BITS, -_UNIT)
        now = values
        if (np.frexp(top)[1] - lowest > _WIDTH).any():
            here = size < np.ldexp(1.0, lowest + _WIDTH)[:, None]
            now, values = np.where(here, values, 0), np.where(here, 0, values)
        else:
            values = np.zeros((len(values), 0))
        wholes = (now * np.ldexp(1.0, -lowest)[:, None]).astype(np.int64)
        yield wholes, (lowest + _UNIT).astype(object)


def _summed(wholes: Ints) -> tuple[Wholes, Wholes]:
    """Sums and sums of squares of the rows of (C, row)."""
    count = wholes.shape[1]
    parts = -(-count // _ROWS)
    if parts > 1:
        wholes = np.pad(wholes, ((0, 0), (0, parts * _ROWS - count)))
    cut = wholes.reshape(len(wholes), parts, -1)
    high, low = cut >> _HALF, cut & ((1 << _HALF) - 1)
    squares = _added(high * high) << _WIDTH
    squares += _added(high * low) << (_HALF + 1)
    return _added(cut), squares + _added(low * low)


def _added(parts: Ints) -> Wholes:
    sums: Any = parts.sum(axis=2).astype(object)
    made: Wholes = sums.sum(axis=1)
    return made
