"""Count, sum and sum of squares of float32 columns in exact integers, regardless of the order and blocks of the rows.

Every float32 is a multiple of 2**-149, so the sums of the values and of their squares are kept as Python integers. A mean
or deviation is rounded once, at the end, so that small noise on a large mean loses no digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Flags, Floats, Ints, Values

Wholes = npt.NDArray[np.object_]  # of int

_UNIT = 149  # the smallest float32 is 2**-149
_BITS = 24  # the bits of a float32's mantissa
_WIDTH = 52  # bits of the integers that are squared: each is split into two halves, whose products are summed in int64
_HALF = _WIDTH // 2
_ROWS = 1 << (62 - _WIDTH)  # the number of 52-bit products that an int64 can sum without overflow
_PIECE = 4 * _ROWS  # rows per piece: few enough to stay in the processor's cache


@dataclass(frozen=True)
class Sums:
    """For each of C columns: the number of values, their sum in units of 2**-149, the sum of their squares in 2**-298.

    `broken` marks the columns that contained NaN or infinity; their sums skip these values.
    """

    count: Ints
    total: Wholes
    squares: Wholes
    broken: Flags

    @classmethod
    def none(cls, columns: int) -> Sums:
        """Return the sums of zero rows."""
        zeros = np.array([0] * columns, object)
        return cls(np.zeros(columns, np.int64), zeros, zeros, np.zeros(columns, bool))

    @classmethod
    def of(cls, values: Values, counted: Flags) -> Sums:
        """Return the sums of the counted values of a block; both arguments are (row, column)."""
        sums = cls.none(values.shape[1])
        for start in range(0, len(values), _PIECE):
            rows = slice(start, start + _PIECE)
            sums = sums.plus(cls._of_piece(values[rows], counted[rows]))
        return sums

    @classmethod
    def _of_piece(cls, values: Values, counted: Flags) -> Sums:
        columns = np.where(counted, values, np.float32(0)).T.astype(np.float64)
        finite = np.isfinite(columns)
        if not finite.all():
            columns[~finite] = 0
        total, squares = (np.array([0] * len(columns), object) for _ in range(2))
        for whole, exponent in _as_wholes(columns):
            sums, sums_of_squares = _sum_rows(whole)
            total += sums << exponent
            squares += sums_of_squares << (2 * exponent)
        return cls(counted.sum(axis=0), total, squares, ~np.all(finite, axis=1))

    def plus(self, other: Sums) -> Sums:
        """Return the sums over the rows of both operands."""
        return Sums(
            self.count + other.count,
            self.total + other.total,
            self.squares + other.squares,
            self.broken | other.broken,
        )

    @property
    def mean(self) -> Floats:
        """The mean of each column, rounded once; 0 if it has no values."""
        return np.array(
            [
                total / (count << _UNIT) if count else 0.0
                for total, count in zip(self.total, self.count.tolist(), strict=True)
            ]
        )

    @property
    def deviation(self) -> Floats:
        """The population standard deviation of each column; 0 if the column is constant or empty."""
        columns = zip(self.total, self.squares, self.count.tolist(), strict=True)
        return np.array(
            [
                math.sqrt((count * squares - total**2) / (count**2 << 2 * _UNIT)) if count else 0.0
                for total, squares, count in columns
            ]
        )


def _as_wholes(values: Floats) -> Iterator[tuple[Ints, Wholes]]:
    """Split columns (C, row) into bands of magnitude: integers below 2**52, to be multiplied by 2**(exponent - 149).

    The values of a band have 24 bits each and span at most 28 powers of two; most columns need one band only.
    """
    while True:
        size = np.abs(values)
        top = size.max(axis=1, initial=0)
        if not top.any():
            return
        least = np.min(size, axis=1, where=size > 0, initial=np.inf)
        lowest = np.maximum(np.frexp(np.where(top > 0, least, 1))[1] - _BITS, -_UNIT)
        band = values
        if (np.frexp(top)[1] - lowest > _WIDTH).any():
            in_band = size < np.ldexp(1.0, lowest + _WIDTH)[:, None]
            band, values = np.where(in_band, values, 0), np.where(in_band, 0, values)
        else:
            values = np.zeros((len(values), 0))
        wholes = (band * np.ldexp(1.0, -lowest)[:, None]).astype(np.int64)
        yield wholes, (lowest + _UNIT).astype(object)


def _sum_rows(wholes: Ints) -> tuple[Wholes, Wholes]:
    """Return the sum and the sum of squares over the rows of (C, row)."""
    count = wholes.shape[1]
    parts = -(-count // _ROWS)
    if parts > 1:
        wholes = np.pad(wholes, ((0, 0), (0, parts * _ROWS - count)))
    blocks = wholes.reshape(len(wholes), parts, -1)
    high, low = blocks >> _HALF, blocks & ((1 << _HALF) - 1)
    squares = _total(high * high) << _WIDTH
    squares += _total(high * low) << (_HALF + 1)
    return _total(blocks), squares + _total(low * low)


def _total(parts: Ints) -> Wholes:
    sums: Any = parts.sum(axis=2).astype(object)  # Python integers from here on
    total: Wholes = sums.sum(axis=1)
    return total
